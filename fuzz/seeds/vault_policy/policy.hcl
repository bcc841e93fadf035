name = "p"
path "secret/data/{{identity.entity.name}}/+/*" {
  capabilities = ["read", "sudo"] # c
  min_wrapping_ttl = "1h"
  allowed_parameters = { "a" = ["x*", 1, true], "*" = [] }
  required_parameters = ["b"]
  control_group = { factor "f" { identity { group_names = ["g"] approvals = 2 } } }
}
path "sys/*" { policy = "sudo" }
/* heredoc */ path "a" { capabilities = [<<EOT
read
EOT
] }
