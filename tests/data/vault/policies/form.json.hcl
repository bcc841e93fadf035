{
  "path": {
    "secret/data/app/*": { "capabilities": ["read"] },
    "secret/metadata/+/config": { "capabilities": ["list"], "required_parameters": ["limit"] }
  }
}
