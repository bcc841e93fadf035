"""Fills a moto server with a small company: moto_seed.py http://127.0.0.1:PORT

Prints the management account, a member account and a member account nobody wrote
anything into, as JSON.
"""

import json
import sys

import boto3

ENDPOINT = sys.argv[1]


def client(service, **credentials):
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name="eu-west-1", **credentials
    )


def entered(account):
    answer = client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/TenureReadOnly", RoleSessionName="seed"
    )["Credentials"]
    return {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
        "aws_session_token": answer["SessionToken"],
    }


def policy(*actions, resource="*"):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": list(actions), "Resource": resource}
            ],
        }
    )


def trust(principal, action="sts:AssumeRole", condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def fill_account(iam, account):
    boundary = iam.create_policy(
        PolicyName="Boundary", PolicyDocument=policy("s3:*", "ec2:Describe*")
    )["Policy"]["Arn"]
    deploy = iam.create_policy(
        PolicyName="Deploy", PolicyDocument=policy("iam:PassRole", "lambda:*")
    )["Policy"]["Arn"]
    provider = iam.create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["0" * 40],
    )["OpenIDConnectProviderArn"]
    iam.create_role(
        RoleName="github-deploy",
        AssumeRolePolicyDocument=trust(
            {"Federated": provider},
            "sts:AssumeRoleWithWebIdentity",
            {
                "StringLike": {
                    "token.actions.githubusercontent.com:sub": "repo:acme/*"
                }
            },
        ),
        MaxSessionDuration=43200,
        PermissionsBoundary=boundary,
        Tags=[{"Key": "owner", "Value": "platform"}],
    )
    iam.attach_role_policy(RoleName="github-deploy", PolicyArn=deploy)
    iam.create_role(
        RoleName="admin",
        AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{account}:root"}),
    )
    iam.attach_role_policy(
        RoleName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    iam.create_user(UserName="ada", Tags=[{"Key": "owner", "Value": "ada"}])
    iam.create_login_profile(UserName="ada", Password="Correct-horse-1")
    iam.create_access_key(UserName="ada")
    iam.put_user_policy(
        UserName="ada", PolicyName="keys", PolicyDocument=policy("iam:CreateAccessKey")
    )
    iam.upload_ssh_public_key(UserName="ada", SSHPublicKeyBody="ssh-rsa AAAAB3Nza")
    iam.create_group(GroupName="ops")
    iam.attach_group_policy(
        GroupName="ops", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    iam.add_user_to_group(GroupName="ops", UserName="ada")
    iam.create_saml_provider(
        Name="okta", SAMLMetadataDocument="<EntityDescriptor/>" + " " * 1024
    )
    iam.update_account_password_policy(MinimumPasswordLength=14)
    iam.create_account_alias(AccountAlias=f"acme-{account[-4:]}")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ada")
    iam.enable_mfa_device(
        UserName="ada",
        SerialNumber=device["VirtualMFADevice"]["SerialNumber"],
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    )


def fill_organization(account):
    organizations = client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="Workloads")
    unit = unit["OrganizationalUnit"]["Id"]
    members = []
    for name in ("prod", "empty"):
        status = organizations.create_account(
            AccountName=name, Email=f"{name}@acme.example"
        )["CreateAccountStatus"]
        members.append(status["AccountId"])
    organizations.move_account(
        AccountId=members[0], SourceParentId=root, DestinationParentId=unit
    )
    organizations.enable_policy_type(
        RootId=root, PolicyType="SERVICE_CONTROL_POLICY"
    )
    scp = organizations.create_policy(
        Name="no-leaving",
        Description="Nobody leaves",
        Type="SERVICE_CONTROL_POLICY",
        Content=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Action": "organizations:LeaveOrganization",
                        "Resource": "*",
                    }
                ],
            }
        ),
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=scp, TargetId=unit)
    return members


def fill_identity_center(account):
    sso = client("sso-admin")
    instance = sso.list_instances()["Instances"][0]
    arn, store = instance["InstanceArn"], instance["IdentityStoreId"]
    people = client("identitystore")
    user = people.create_user(
        IdentityStoreId=store,
        UserName="ada",
        DisplayName="Ada",
        Name={"GivenName": "Ada", "FamilyName": "L"},
        Emails=[{"Value": "ada@acme.example", "Type": "work", "Primary": True}],
    )["UserId"]
    group = people.create_group(IdentityStoreId=store, DisplayName="admins")["GroupId"]
    people.create_group_membership(
        IdentityStoreId=store, GroupId=group, MemberId={"UserId": user}
    )
    administrator = sso.create_permission_set(
        InstanceArn=arn, Name="Administrator", SessionDuration="PT12H"
    )["PermissionSet"]["PermissionSetArn"]
    sso.attach_managed_policy_to_permission_set(
        InstanceArn=arn,
        PermissionSetArn=administrator,
        ManagedPolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
    )
    # moto cannot describe a set without a session duration.
    reader = sso.create_permission_set(
        InstanceArn=arn, Name="Reader", SessionDuration="PT1H"
    )["PermissionSet"]["PermissionSetArn"]
    sso.put_inline_policy_to_permission_set(
        InstanceArn=arn, PermissionSetArn=reader, InlinePolicy=policy("s3:GetObject")
    )
    for permission_set, kind, principal in (
        (administrator, "GROUP", group),
        (reader, "USER", user),
    ):
        sso.create_account_assignment(
            InstanceArn=arn,
            TargetId=account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=permission_set,
            PrincipalType=kind,
            PrincipalId=principal,
        )
        # moto calls a set provisioned only after this, and only in its own account.
        sso.provision_permission_set(
            InstanceArn=arn,
            PermissionSetArn=permission_set,
            TargetType="AWS_ACCOUNT",
            TargetId=account,
        )


def fill_secrets(secrets):
    secrets.create_secret(
        Name="prod/database",
        SecretString="the-value-nobody-may-read",
        Tags=[{"Key": "owner", "Value": "data"}],
    )


def main():
    account = client("sts").get_caller_identity()["Account"]
    members = fill_organization(account)
    fill_account(client("iam"), account)
    inside = entered(members[0])
    fill_account(client("iam", **inside), members[0])
    fill_secrets(client("secretsmanager", **inside))
    fill_identity_center(account)
    print(json.dumps({"account": account, "member": members[0], "empty": members[1]}))


main()
