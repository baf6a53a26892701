"""Rotates the password of a PostgreSQL user.

A secret's value is {"host", "port", "dbname", "username", "password"}. With
"masterarn", the secret of a user that may create roles, two users take turns:
whoever still has the last password can use it until the next rotation. Without,
the one user changes its own password.
"""
import glob
import json
import os
import subprocess

from secrets_api import call, read


def handler(event, _context):
    secret, token = event["SecretId"], event["ClientRequestToken"]
    labels = call("DescribeSecret", SecretId=secret)["VersionIdsToStages"]
    if "AWSCURRENT" in labels.get(token, []):
        return  # an earlier try has come to the end
    if "AWSPENDING" not in labels.get(token, []):
        raise ValueError("the version is not pending")
    steps[event["Step"]](secret, token, event, labels)


def create(secret, token, event, _labels):
    if read(secret, VersionId=token, VersionStage="AWSPENDING"):
        return  # an earlier try has made it
    value = read(secret, VersionStage="AWSCURRENT")
    if "masterarn" in value:
        value["username"] = other(value["username"])
    value["password"] = call("GetRandomPassword", ExcludePunctuation=True, PasswordLength=32)["RandomPassword"]
    call("PutSecretValue", SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(value),
         VersionStages=["AWSPENDING"], RotationToken=event["RotationToken"])


def set_password(secret, token, _event, _labels):
    pending = read(secret, VersionId=token, VersionStage="AWSPENDING")
    if logs_in(pending):
        return  # an earlier try has set it
    value = read(secret, VersionStage="AWSCURRENT")
    if "masterarn" not in value:
        sql(value, 'ALTER ROLE :"name" PASSWORD :\'password\';', pending)
        return
    sql(read(value["masterarn"]), """
SELECT format('CREATE ROLE %I LOGIN IN ROLE %I', :'name', :'like')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
ALTER ROLE :"name" PASSWORD :'password';
""", pending, like=value["username"])


def test(secret, token, _event, _labels):
    if not logs_in(read(secret, VersionId=token, VersionStage="AWSPENDING")):
        raise ValueError("the new password does not let in")


def finish(secret, token, _event, labels):
    current = next(version for version, stages in labels.items() if "AWSCURRENT" in stages)
    call("UpdateSecretVersionStage", SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current)


steps = {"createSecret": create, "setSecret": set_password, "testSecret": test, "finishSecret": finish}


def other(user):
    return user.removesuffix("_clone") if user.endswith("_clone") else user + "_clone"


def logs_in(value):
    try:
        sql(value, "SELECT 1;", value)
    except subprocess.CalledProcessError:
        return False
    return True


def sql(login, text, of, like=""):
    """Runs SQL as a user. Passwords go by the environment: arguments are for all to see."""
    psql = max(glob.glob("/usr/lib/postgresql/*/bin/psql"), default="psql")
    env = {
        "PATH": os.environ["PATH"], "PGHOST": login["host"], "PGPORT": str(login["port"]), "PGDATABASE": login["dbname"],
        "PGUSER": login["username"], "PGPASSWORD": login["password"], "PGCONNECT_TIMEOUT": "5",
        "NEW_NAME": of["username"], "NEW_PASSWORD": of["password"], "LIKE": like,
    }
    text = "\\getenv name NEW_NAME\n\\getenv password NEW_PASSWORD\n\\getenv like LIKE\n" + text
    subprocess.run([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1"], input=text.encode(), env=env, check=True, capture_output=True)
