"""Uses the server at AWS_ENDPOINT_URL through botocore, and raises at the first
thing that is not as it is at AWS."""

import json
import os
from datetime import datetime, timedelta, timezone

try:
    import botocore
except ImportError:
    import awscli  # version 2 brings a botocore of its own, which can be imported from here on

from botocore import session
from botocore.config import Config
from botocore.exceptions import ClientError

OPTIONS = Config(s3={"addressing_style": "path"})


def client(service, credentials=None):
    """A client of the root user, or of the given access key or session."""
    given = {}
    if credentials:
        given = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials.get("SessionToken"),
        }
    # Named here as well: botocore before 1.31 does not look at the variable.
    return session.get_session().create_client(service, config=OPTIONS, endpoint_url=os.environ["AWS_ENDPOINT_URL"], **given)


def equal(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def refused(code, status, call, **parameters):
    """Wants the call to fail with an error code, and returns its message."""
    try:
        call(**parameters)
    except ClientError as e:
        equal((e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]), (code, status))
        return e.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} was not refused, want {code}")


def contains(message, part):
    if part not in message:
        raise AssertionError(f"{message!r} does not say {part!r}")


def document(*statements, **given):
    return json.dumps({"Version": "2012-10-17", "Statement": [*statements, *([given] if given else [])]})


def keys(kms):
    """Encrypts, signs, and pages through what there is."""
    key = kms.create_key(Description="from Python", Tags=[{"TagKey": "of", "TagValue": "python"}])["KeyMetadata"]
    assert abs(datetime.now(timezone.utc) - key["CreationDate"]) < timedelta(minutes=5), key["CreationDate"]
    context = {"tenant": "acme"}
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"\x00\xffhello", EncryptionContext=context)["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    equal((opened["Plaintext"], opened["KeyId"]), (b"\x00\xffhello", key["Arn"]))
    refused("InvalidCiphertextException", 400, kms.decrypt, CiphertextBlob=blob)
    refused("NotFoundException", 400, kms.describe_key, KeyId="alias/none")
    try:
        kms.describe_key(KeyId="alias/none")
    except kms.exceptions.NotFoundException:
        pass  # the error is of the class that is modelled for it

    signer = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signing = {"KeyId": signer, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(Message=b"message", **signing)["Signature"]
    equal(kms.verify(Message=b"message", Signature=signature, **signing)["SignatureValid"], True)
    refused("KMSInvalidSignatureException", 400, kms.verify, Message=b"another", Signature=signature, **signing)

    pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1})
    listed = [k["KeyId"] for page in pages for k in page["Keys"]]
    equal(sorted(listed), sorted([key["KeyId"], signer]))
    return key, blob, context


def users(iam, key, blob, context):
    """Makes a user who may only describe, and shows that more is refused."""
    user = iam.create_user(UserName="mallory", Path="/team/")["User"]
    access = iam.create_access_key(UserName="mallory")["AccessKey"]
    theirs = client("kms", access)
    equal(client("sts", access).get_caller_identity()["Arn"], user["Arn"])
    denied = {"CiphertextBlob": blob, "EncryptionContext": context}
    message = refused("AccessDeniedException", 400, theirs.decrypt, **denied)
    contains(message, f"User: {user['Arn']} is not authorized to perform: kms:Decrypt on resource: {key['Arn']}")
    iam.put_user_policy(
        UserName="mallory", PolicyName="describe",
        PolicyDocument=document(Effect="Allow", Action="kms:DescribeKey", Resource=key["Arn"]))
    equal(theirs.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Arn"], key["Arn"])
    refused("AccessDeniedException", 400, theirs.decrypt, **denied)
    policy = iam.get_user_policy(UserName="mallory", PolicyName="describe")["PolicyDocument"]
    equal(policy["Statement"][0]["Action"], "kms:DescribeKey")  # botocore opens the URL encoding
    refused("EntityAlreadyExists", 409, iam.create_user, UserName="mallory")
    wrong = dict(access, SecretAccessKey="x" * 40)
    refused("InvalidSignatureException", 400, client("kms", wrong).list_keys)
    refused("SignatureDoesNotMatch", 403, client("sts", wrong).get_caller_identity)
    return user, access


def sessions(iam, sts, user, access, key):
    """Assumes a role that asks for an external id, with a policy that allows less than the role."""
    iam.create_role(
        RoleName="reader",
        AssumeRolePolicyDocument=document(
            Effect="Allow", Principal={"AWS": user["Arn"]}, Action="sts:AssumeRole",
            Condition={"StringEquals": {"sts:ExternalId": "secret-word"}}))
    iam.put_role_policy(
        RoleName="reader", PolicyName="keys",
        PolicyDocument=document(Effect="Allow", Action=["kms:DescribeKey", "kms:Encrypt"], Resource="*"))
    role = iam.get_role(RoleName="reader")["Role"]["Arn"]
    assume = {"RoleArn": role, "RoleSessionName": "python"}
    theirs = client("sts", access)
    refused("AccessDenied", 403, theirs.assume_role, **assume)
    refused("AccessDenied", 403, theirs.assume_role, ExternalId="another", **assume)
    whole = theirs.assume_role(ExternalId="secret-word", **assume)
    client("kms", whole["Credentials"]).encrypt(KeyId=key["KeyId"], Plaintext=b"as the role may")

    less = theirs.assume_role(
        ExternalId="secret-word", Policy=document(Effect="Allow", Action="kms:DescribeKey", Resource="*"), **assume)
    arn = less["AssumedRoleUser"]["Arn"]
    equal(client("sts", less["Credentials"]).get_caller_identity()["Arn"], arn)
    kms = client("kms", less["Credentials"])
    equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyId"], key["KeyId"])
    message = refused("AccessDeniedException", 400, kms.encrypt, KeyId=key["KeyId"], Plaintext=b"more than the session may")
    contains(message, f"User: {arn} is not authorized to perform: kms:Encrypt")
    contains(message, "session policy")
    without = dict(less["Credentials"], SessionToken=None)
    refused("UnrecognizedClientException", 400, client("kms", without).list_keys)


def events(trail, key):
    """Pages through the history of all that was done, one event a page."""
    paginator = trail.get_paginator("lookup_events")
    attributes = [{"AttributeKey": "ResourceName", "AttributeValue": key["Arn"]}]
    found = [e for page in paginator.paginate(LookupAttributes=attributes, PaginationConfig={"PageSize": 1}) for e in page["Events"]]
    equal(len({e["EventId"] for e in found}), len(found))
    equal([e["EventTime"] for e in found], sorted((e["EventTime"] for e in found), reverse=True))
    equal({e["EventName"] for e in found}, {"CreateKey", "Encrypt", "Decrypt", "DescribeKey"})
    inside = [json.loads(e["CloudTrailEvent"]) for e in found]
    refusals = [e for e in inside if e.get("errorCode", "").startswith("AccessDenied")]
    equal({e["userIdentity"]["type"] for e in refusals}, {"IAMUser", "AssumedRole"})
    assert "hello" not in json.dumps(inside)
    limited = paginator.paginate(LookupAttributes=attributes, PaginationConfig={"PageSize": 2, "MaxItems": 3}).build_full_result()
    equal([e["EventId"] for e in limited["Events"]], [e["EventId"] for e in found[:3]])


def buckets(s3):
    s3.create_bucket(Bucket="from-python")
    equal([b["Name"] for b in s3.list_buckets()["Buckets"]], ["from-python"])
    s3.put_object(Bucket="from-python", Key="k", Body=b"sealed")
    assert s3.get_object(Bucket="from-python", Key="k")["Body"].read() == b"sealed"
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket="from-python")
    s3.delete_object(Bucket="from-python", Key="k")
    refused("NotImplemented", 501, s3.get_bucket_website, Bucket="from-python")


def metrics(cloudwatch):
    dimensions = [{"Name": "host", "Value": "a"}]
    cloudwatch.put_metric_data(
        Namespace="app", MetricData=[{"MetricName": "hits", "Dimensions": dimensions, "Value": 3.5, "Unit": "Count"}])
    listed = cloudwatch.get_paginator("list_metrics").paginate(Namespace="app").build_full_result()["Metrics"]
    equal(listed, [{"Namespace": "app", "MetricName": "hits", "Dimensions": dimensions}])


def main():
    iam, sts = client("iam"), client("sts")
    equal(sts.get_caller_identity()["Arn"].split(":")[5], "root")
    key, blob, context = keys(client("kms"))
    user, access = users(iam, key, blob, context)
    sessions(iam, sts, user, access, key)
    events(client("cloudtrail"), key)
    buckets(client("s3"))
    metrics(client("cloudwatch"))


main()
