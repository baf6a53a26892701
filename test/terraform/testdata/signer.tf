# A key that signs.
resource "aws_kms_key" "signer" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
}

data "aws_kms_public_key" "signer" {
  key_id = aws_kms_key.signer.arn
  lifecycle {
    postcondition {
      condition     = startswith(self.public_key_pem, "-----BEGIN PUBLIC KEY-----")
      error_message = "no public key: ${self.public_key_pem}"
    }
  }
}

# A grant for one tenant.
resource "aws_kms_grant" "tenant" {
  name              = "tenant"
  key_id            = aws_kms_key.kept.key_id
  grantee_principal = aws_iam_role.writer.arn
  operations        = ["Encrypt", "GenerateDataKey"]
  constraints { encryption_context_equals = { tenant = "acme" } }
}
