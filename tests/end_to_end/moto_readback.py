"""Talks to moto with boto3, so that what the agent sent is judged by code that is not ours.

    moto_readback.py user URL NAME ACTION,ACTION   makes a user with a policy; prints its key pair
    moto_readback.py read URL ACCESS_KEY SECRET    prints every log event, one JSON object a line
    moto_readback.py groups URL ACCESS_KEY SECRET  prints what every log group was given
"""

import json
import sys

import boto3
from botocore.config import Config

REGION = "eu-central-1"


def client(service, url, access_key="x", secret_key="x"):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        # One call is one request: the server counts those it does not check.
        config=Config(retries={"max_attempts": 0}),
    )


def user(url, name, actions):
    statement = {"Effect": "Allow", "Action": actions.split(","), "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam = client("iam", url)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="logs", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    print(json.dumps({"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}))


def read(url, access_key, secret_key):
    logs = client("logs", url, access_key, secret_key)
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            read_group(logs, group["logGroupName"])


def groups(url, access_key, secret_key):
    logs = client("logs", url, access_key, secret_key)
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            found = {"name": group["logGroupName"], "retention": group.get("retentionInDays")}
            found["kms_key"] = group.get("kmsKeyId")
            found["tags"] = logs.list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
            print(json.dumps(found))


def read_group(logs, group):
    for page in logs.get_paginator("describe_log_streams").paginate(logGroupName=group):
        for stream in page["logStreams"]:
            read_stream(logs, group, stream["logStreamName"])


def read_stream(logs, group, stream):
    token = {}
    while True:
        page = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **token
        )
        for event in page["events"]:
            found = {"group": group, "stream": stream}
            found |= {"timestamp": event["timestamp"], "message": event["message"]}
            print(json.dumps(found))
        # The end is where the token does not change any more.
        if token.get("nextToken") == page["nextForwardToken"]:
            return
        token = {"nextToken": page["nextForwardToken"]}


if __name__ == "__main__":
    {"user": user, "read": read, "groups": groups}[sys.argv[1]](*sys.argv[2:])
