/* Everything HCL 1 allows and HCL 2 does not, in one policy. */
name = "corners"

path "sys/policies/acl/*"
{
  capabilities = ["create", "update", "read",]  // a trailing comma
}

path "secret/data/${env}/*" {                    # a literal, not a template
  capabilities = ["read"]
  capabilities = ["list"]                        # adds to the line above
}

path "kv/data/prod/*" {
  capabilities = ["read"]
  control_group = {
    ttl = "4h"
    factor "approvers" {
      identity {
        group_names = ["sre-leads"]
        approvals   = 1
      }
    }
  }
}

path "auth/token/create" {
  policy = "write",
  denied_parameters = { "policies" = [["admin"], "admin*"] }
  min_wrapping_ttl = 0x3c
  comment = <<-EOT
    Heredocs may be indented.
    EOT
}
