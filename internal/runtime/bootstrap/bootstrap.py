"""Runs a Python function: asks the runtime API for invocations, one at a time."""

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

VERSION = "/2018-06-01/runtime"


class CognitoIdentity:
    def __init__(self, given):
        self.cognito_identity_id = given.get("cognitoIdentityId")
        self.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")


class Client:
    def __init__(self, given):
        self.installation_id = given.get("installation_id")
        self.app_title = given.get("app_title")
        self.app_version_name = given.get("app_version_name")
        self.app_version_code = given.get("app_version_code")
        self.app_package_name = given.get("app_package_name")


class ClientContext:
    def __init__(self, given):
        self.custom = given.get("custom")
        self.env = given.get("env")
        self.client = Client(given.get("client") or {})


class LambdaContext:
    """What a handler is told of its invocation."""

    def __init__(self, headers):
        env = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = CognitoIdentity({})
        client = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(json.loads(client)) if client else None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


class API:
    """The runtime API, over one connection."""

    def __init__(self):
        self.connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, VERSION + path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()


class RequestIDFilter(logging.Filter):
    request_id = ""

    def filter(self, record):
        record.aws_request_id = RequestIDFilter.request_id
        return True


def set_up_logging():
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(RequestIDFilter())
    logging.getLogger().addHandler(handler)


def describe(error, request_id):
    frames = traceback.extract_tb(error.__traceback__)
    frames = [f for f in frames if f.filename != __file__ and "importlib" not in f.filename]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(frames),
    }


def say(failure):
    text = "[ERROR] " + failure["errorType"] + ": " + failure["errorMessage"]
    if failure["stackTrace"]:
        text += "\nTraceback (most recent call last):\n" + "".join(failure["stackTrace"])
    print(text, flush=True)


def load():
    name = os.environ.get("_HANDLER", "")
    module, dot, function = name.rpartition(".")
    if not dot:
        return None, {"errorMessage": "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name,
                      "errorType": "Runtime.MalformedHandlerName", "requestId": "", "stackTrace": []}
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as e:
        return None, {"errorMessage": "Unable to import module '%s': %s" % (module, e),
                      "errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": []}
    except SyntaxError as e:
        return None, {"errorMessage": "Syntax error in module '%s': %s" % (module, e),
                      "errorType": "Runtime.UserCodeSyntaxError", "requestId": "",
                      "stackTrace": ['  File "%s" Line %s\n    %s\n' % (e.filename, e.lineno, e.text)]}
    except Exception as e:
        return None, describe(e, "")
    if not hasattr(loaded, function):
        return None, {"errorMessage": "Handler '%s' missing on module '%s'" % (function, module),
                      "errorType": "Runtime.HandlerNotFound", "requestId": "", "stackTrace": []}
    return getattr(loaded, function), None


def invoke(handler, headers, body):
    """Returns the answer and None, or None and the failure."""
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        event = json.loads(body)
    except ValueError as e:
        return None, {"errorMessage": "Unable to unmarshal input: %s" % e, "errorType": "Runtime.UnmarshalError",
                      "requestId": request_id, "stackTrace": []}
    try:
        answer = handler(event, LambdaContext(headers))
    except Exception as e:
        return None, describe(e, request_id)
    try:
        return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8"), None
    except (TypeError, ValueError) as e:
        return None, {"errorMessage": "Unable to marshal response: %s" % e, "errorType": "Runtime.MarshalError",
                      "requestId": request_id, "stackTrace": []}


def main():
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    api = API()
    set_up_logging()
    handler, failure = load()
    if failure:
        say(failure)
        api.call("POST", "/init/error", json.dumps(failure),
                 {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": failure["errorType"]})
        sys.exit(1)
    while True:
        _, headers, body = api.call("GET", "/invocation/next")
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        RequestIDFilter.request_id = request_id
        if headers.get("Lambda-Runtime-Trace-Id"):
            os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
        answer, failure = invoke(handler, headers, body)
        sys.stdout.flush()
        if failure is None:
            api.call("POST", "/invocation/%s/response" % request_id, answer, {"Content-Type": "application/json"})
            continue
        say(failure)
        api.call("POST", "/invocation/%s/error" % request_id, json.dumps(failure),
                 {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": failure["errorType"]})


main()
