# logsieve on an EKS cluster, with EKS Pod Identity. It stands alone:
#   terraform init && terraform apply -var cluster=... -var region=... -var image=REGISTRY/logsieve
# In a configuration that has providers already, take what is below them. Needs the AWS CLI, and the
# add-on `eks-pod-identity-agent` on the cluster.
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws  = { source = "hashicorp/aws", version = ">= 5.30" }
    helm = { source = "hashicorp/helm", version = "~> 3.0" }
  }
}

variable "cluster" {
  type = string
}

variable "region" {
  type = string
}

variable "image" {
  type        = string
  description = "Where the image was pushed, without its tag."
}

variable "values" {
  type        = any
  default     = {}
  description = "Further values of the chart."
}

provider "aws" {
  region = var.region
}

data "aws_eks_cluster" "this" {
  name = var.cluster
}

provider "helm" {
  kubernetes = {
    host                   = data.aws_eks_cluster.this.endpoint
    cluster_ca_certificate = base64decode(data.aws_eks_cluster.this.certificate_authority[0].data)
    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = ["eks", "get-token", "--cluster-name", var.cluster, "--region", var.region]
    }
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

resource "aws_iam_role" "logsieve" {
  name               = "logsieve-${var.cluster}"
  assume_role_policy = file("${path.module}/../iam/trust-pod-identity.json")
}

locals {
  policy    = file("${path.module}/../iam/policy.json")
  account   = replace(local.policy, "ACCOUNT", data.aws_caller_identity.this.account_id)
  partition = replace(local.account, "arn:aws:", "arn:${data.aws_partition.this.partition}:")
}

resource "aws_iam_role_policy" "logsieve" {
  name   = "logs"
  role   = aws_iam_role.logsieve.id
  policy = replace(local.partition, "CLUSTER", var.cluster)
}

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
  chart            = "${path.module}/../chart"
  values = [
    yamlencode({ region = var.region, cluster = var.cluster, image = { repository = var.image } }),
    yamlencode(var.values),
  ]
  # Pods that start before it get no credentials until they are started anew.
  depends_on = [aws_eks_pod_identity_association.logsieve, aws_iam_role_policy.logsieve]
}
