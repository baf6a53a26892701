"""Calls Secrets Manager with nothing but the standard library. Where boto3 is
installed, boto3.client("secretsmanager") does the same."""
import datetime
import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request


class Refusal(Exception):
    """What Secrets Manager answered that is no success."""


def call(operation, **body):
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    url, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]
    data = json.dumps(body).encode()
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": url.split("//")[1].rstrip("/"),
        "x-amz-date": stamp,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
        "x-amz-target": "secretsmanager." + operation,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(data).hexdigest()}"
    scope = f"{day}/{region}/secretsmanager/aws4_request"
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refusal(error.read().decode()) from None


def read(secret, **which):
    """The secret's value, None if that version or label is not there."""
    try:
        return json.loads(call("GetSecretValue", SecretId=secret, **which)["SecretString"])
    except Refusal as refusal:
        if "ResourceNotFoundException" in str(refusal):
            return None
        raise
