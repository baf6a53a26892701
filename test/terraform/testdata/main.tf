# Keys in two Regions, who may use them, and what they encrypt.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"
    }
  }
}

variable "near" { type = string }
variable "far" { type = string }

variable "rotation_days" { default = 365 }
variable "stage" { default = "test" }

provider "aws" {
  region      = var.near
  max_retries = 1
  default_tags { tags = { stage = var.stage } }
}

provider "aws" {
  alias       = "far"
  region      = var.far
  max_retries = 1
}

data "aws_caller_identity" "me" {}
data "aws_partition" "this" {}

# The key, with a policy of its own.
resource "aws_kms_key" "books" {
  description             = "the books"
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_days
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.books.json
  tags                    = { tenant = "acme" }
}

data "aws_iam_policy_document" "books" {
  statement {
    sid       = "account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.me.account_id}:root"]
    }
  }
  statement {
    sid       = "role"
    actions   = ["kms:Decrypt"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.reader.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:tenant"
      values   = ["acme"]
    }
  }
}

resource "aws_kms_alias" "books" {
  name          = "alias/books"
  target_key_id = aws_kms_key.books.key_id
}

resource "aws_iam_role" "reader" {
  name = "reader"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = data.aws_caller_identity.me.account_id } }]
  })
}

resource "aws_iam_role" "writer" {
  name = "writer"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = data.aws_caller_identity.me.account_id } }]
  })
}

resource "aws_iam_role_policy" "writer" {
  name   = "use"
  role   = aws_iam_role.writer.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kms:Encrypt", Resource = aws_kms_key.books.arn }] })
}

resource "aws_kms_grant" "writer" {
  name              = "writer"
  key_id            = aws_kms_key.books.key_id
  grantee_principal = aws_iam_role.writer.arn
  operations        = ["Encrypt", "GenerateDataKey"]
}

# What the key encrypts, and opens again.
resource "aws_kms_ciphertext" "secret" {
  key_id    = aws_kms_key.kept.key_id
  plaintext = "the secret of the year"
  context   = { tenant = "acme" }
}

data "aws_kms_secrets" "secret" {
  secret {
    name    = "secret"
    payload = aws_kms_ciphertext.secret.ciphertext_blob
    context = { tenant = "acme" }
  }
}

resource "aws_kms_key" "kept" {
  description = "always enabled"
}

# One key in two Regions.
resource "aws_kms_key" "primary" {
  multi_region            = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_key" "replica" {
  provider                = aws.far
  description             = "the replica"
  primary_key_arn         = aws_kms_key.primary.arn
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "replica" {
  provider      = aws.far
  name          = "alias/both"
  target_key_id = aws_kms_replica_key.replica.key_id
}

# A key whose material is brought along.
resource "aws_kms_external_key" "brought" {
  key_material_base64     = base64encode("0123456789abcdef0123456789abcdef")
  enabled                 = true
  description             = "the books"
  deletion_window_in_days = 7
}

resource "aws_kms_key_policy" "kept" {
  key_id = aws_kms_key.kept.id
  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "kept"
    Statement = [{
      Sid       = "account", Effect = "Allow", Action = "kms:*", Resource = "*",
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
    }]
  })
}

data "aws_kms_key" "replica" {
  provider = aws.far
  key_id   = aws_kms_alias.replica.arn
}

output "books" { value = aws_kms_key.books.arn }
output "replica" { value = aws_kms_replica_key.replica.arn }
output "primary" { value = aws_kms_key.primary.arn }
output "brought" { value = aws_kms_external_key.brought.arn }
output "replica_region" { value = data.aws_kms_key.replica.multi_region_configuration[0].replica_keys[0].region }
output "secret" {
  value     = data.aws_kms_secrets.secret.plaintext["secret"]
  sensitive = true
}
