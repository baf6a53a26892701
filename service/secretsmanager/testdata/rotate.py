"""A rotation function of nothing but the standard library. The secret's value says
what goes wrong, and a tag of the secret keeps the steps that were taken."""
import datetime, hashlib, hmac, json, os, urllib.request


def call(operation, **body):
    """Calls Secrets Manager with a signed request."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    url, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]
    data = json.dumps(body).encode()
    headers = {
        "content-type": "application/x-amz-json-1.1", "host": url.split("//")[1].rstrip("/"), "x-amz-date": stamp,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"], "x-amz-target": "secretsmanager." + operation,
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{k}:{headers[k]}\n" for k in sorted(headers))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(data).hexdigest()}"
    scope = f"{day}/{region}/secretsmanager/aws4_request"
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, SignedHeaders={names}, Signature={signature}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        raise RuntimeError(refusal.read().decode()) from None


def handler(event, _):
    step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    described = call("DescribeSecret", SecretId=secret)
    stages = described["VersionIdsToStages"]
    if "AWSPENDING" not in stages[token]:
        raise ValueError(f"{token} is not pending")
    taken = {t["Key"]: t["Value"] for t in described["Tags"]}.get("steps", "") if described.get("Tags") else ""
    call("TagResource", SecretId=secret, Tags=[{"Key": "steps", "Value": (taken + " " + step).strip()}])
    value = call("GetSecretValue", SecretId=secret)["SecretString"]
    if step == value.removeprefix("fails at "):
        raise ValueError("as told")
    if step == "createSecret":
        try:
            call("GetSecretValue", SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except RuntimeError as refusal:
            if "ResourceNotFoundException" not in str(refusal):
                raise
            call("PutSecretValue", SecretId=secret, ClientRequestToken=token, SecretString="made by " + token,
                 VersionStages=["AWSPENDING"], RotationToken=event["RotationToken"])
    elif step == "testSecret":
        call("GetSecretValue", SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
    elif step == "finishSecret":
        old = next(id for id, labels in stages.items() if "AWSCURRENT" in labels)
        call("UpdateSecretVersionStage", SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=old)
