"""The AWS side of a created workspace: the role that Databricks assumes, and the bucket of the workspace's own files.

Databricks' documentation has the requirements: "Create a credential configuration", "Create a storage bucket".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
import pulumi_databricks as databricks


@dataclass(frozen=True)
class AwsSideArgs:
    """An `aws_role_arn` or `aws_root_bucket` that is given is used as it is; an empty one is created."""

    name: str
    account_id: str
    region: str
    tags: dict[str, str]
    protect: bool
    aws_role_arn: str
    aws_root_bucket: str
    own_network: bool
    """Whether the workspace runs in a VPC that is given: Databricks then needs fewer rights."""
    account: databricks.Provider
    settled: pulumi.ResourceHook = field(repr=False)
    """Called after the role's policy is created."""


class AwsSide(pulumi.ComponentResource):
    """The cross-account role and the root bucket."""

    role_arn: pulumi.Output[str]
    root_bucket: pulumi.Output[str]

    def __init__(self, name: str, args: AwsSideArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:AwsSide", name, None, opts)
        given = bool(args.aws_role_arn and args.aws_root_bucket)
        provider = (
            None
            if given
            else aws.Provider(
                f"{name}-provider",
                region=args.region,
                default_tags={"tags": args.tags},
                opts=pulumi.ResourceOptions(parent=self),
            )
        )
        in_aws = pulumi.ResourceOptions(parent=self, provider=provider)
        asked = pulumi.InvokeOptions(parent=self, provider=args.account)
        if args.aws_role_arn:
            self.role_arn = pulumi.Output.from_input(args.aws_role_arn)
        else:
            self.role_arn = self._role(name, args, in_aws, asked)
        if args.aws_root_bucket:
            self.root_bucket = pulumi.Output.from_input(args.aws_root_bucket)
        else:
            self.root_bucket = self._bucket(name, args, in_aws, asked)
        self.register_outputs({"role_arn": self.role_arn, "root_bucket": self.root_bucket})

    def _role(
        self, name: str, args: AwsSideArgs, in_aws: pulumi.ResourceOptions, asked: pulumi.InvokeOptions
    ) -> pulumi.Output[str]:
        trust = databricks.get_aws_assume_role_policy_output(external_id=args.account_id, opts=asked)
        allowed = databricks.get_aws_cross_account_policy_output(
            policy_type="customer" if args.own_network else "managed", opts=asked
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{args.name}-cross-account",
            description="Databricks runs the workspace's clusters with it.",
            assume_role_policy=trust.json,
            tags=args.tags,
            opts=in_aws,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            name=f"{args.name}-cross-account",
            role=role.name,
            policy=allowed.json,
            opts=pulumi.ResourceOptions.merge(
                in_aws, pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(after_create=[args.settled]))
            ),
        )
        # The role is usable only with its policy: whatever needs the role waits for both.
        return pulumi.Output.all(role.arn, policy.id).apply(lambda both: str(both[0]))

    def _bucket(
        self, name: str, args: AwsSideArgs, in_aws: pulumi.ResourceOptions, asked: pulumi.InvokeOptions
    ) -> pulumi.Output[str]:
        kept = pulumi.ResourceOptions.merge(
            in_aws, pulumi.ResourceOptions(protect=args.protect, retain_on_delete=args.protect)
        )
        bucket = aws.s3.Bucket(
            f"{name}-root",
            bucket=f"{args.name}-root-{args.account_id[:8]}",
            force_destroy=not args.protect,
            tags=args.tags,
            opts=kept,
        )
        aws.s3.BucketPublicAccessBlock(
            f"{name}-root-private",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=in_aws,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-root-encrypted",
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=in_aws,
        )
        aws.s3.BucketVersioning(
            f"{name}-root-unversioned",
            bucket=bucket.id,
            # Databricks keeps its own versions, and asks for an unversioned bucket.
            versioning_configuration={"status": "Disabled"},
            opts=in_aws,
        )
        allowed = databricks.get_aws_bucket_policy_output(
            bucket=bucket.bucket, databricks_e2_account_id=args.account_id, opts=asked
        )
        policy = aws.s3.BucketPolicy(f"{name}-root-policy", bucket=bucket.id, policy=allowed.json, opts=in_aws)
        return pulumi.Output.all(bucket.bucket, policy.id).apply(lambda both: str(both[0]))
