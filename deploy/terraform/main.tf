# logsieve on an EKS cluster, with EKS Pod Identity. `terraform apply -var cluster=... -var region=...`
terraform {
  required_providers {
    aws  = { source = "hashicorp/aws" }
    helm = { source = "hashicorp/helm" }
  }
}

variable "cluster" { type = string }
variable "region" { type = string }
variable "chart" {
  type    = string
  default = "../chart"
}

data "aws_caller_identity" "this" {}

resource "aws_iam_role" "logsieve" {
  name               = "logsieve-${var.cluster}"
  assume_role_policy = file("${path.module}/../iam/trust-pod-identity.json")
}

resource "aws_iam_role_policy" "logsieve" {
  role = aws_iam_role.logsieve.id
  policy = replace(
    replace(file("${path.module}/../iam/policy.json"), "ACCOUNT", data.aws_caller_identity.this.account_id),
    "CLUSTER", var.cluster,
  )
}

# Needs the add-on `eks-pod-identity-agent` on the cluster.
resource "aws_eks_pod_identity_association" "logsieve" {
  cluster_name    = var.cluster
  namespace       = "logsieve"
  service_account = "logsieve"
  role_arn        = aws_iam_role.logsieve.arn
}

resource "helm_release" "logsieve" {
  name             = "logsieve"
  namespace        = "logsieve"
  create_namespace = true
  chart            = var.chart
  values           = [yamlencode({ region = var.region, cluster = var.cluster })]
  depends_on       = [aws_eks_pod_identity_association.logsieve]
}
