# A client of Eclipse Paho for Python that does what it is told: one JSON object a line in, one a line out.
import base64, json, ssl, sys, threading
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

given = json.loads(sys.argv[1])
five = given["version"] == 5
lock = threading.Lock()
waiting = {}


def say(what):
    with lock:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def told(properties):
    if properties is None:
        return {}
    out = {}
    if hasattr(properties, "ResponseTopic"):
        out["responseTopic"] = properties.ResponseTopic
    if hasattr(properties, "CorrelationData"):
        out["correlation"] = properties.CorrelationData.decode()
    if hasattr(properties, "ContentType"):
        out["contentType"] = properties.ContentType
    if hasattr(properties, "UserProperty"):
        out["userProperties"] = dict(properties.UserProperty)
    if hasattr(properties, "SubscriptionIdentifier"):
        found = properties.SubscriptionIdentifier
        out["identifiers"] = found if isinstance(found, list) else [found]
    return out


def on_connect(client, data, flags, code, properties=None):
    number = code.value if five else code
    present = flags["session present"]
    say({"on": "connected", "code": number, "present": bool(present)})


def on_message(client, data, message):
    say(
        {
            "on": "message",
            "topic": message.topic,
            "payload": base64.b64encode(message.payload).decode(),
            "qos": message.qos,
            "retain": bool(message.retain),
            "told": told(getattr(message, "properties", None)),
        }
    )


def done(mid, code):
    # An answer may come before the call that asked for it has returned its identifier.
    with lock:
        request = waiting.pop(mid, None)
        if request is None:
            waiting[mid] = ("early", code)
            return
    say({"on": "done", "request": request, "code": code})


def on_subscribe(client, data, mid, codes, properties=None):
    done(mid, codes[0].value if five else codes[0])


def on_publish(client, data, mid):
    done(mid, 0)


def expect(mid, request):
    with lock:
        early = waiting.pop(mid, None)
        if early is None:
            waiting[mid] = request
            return
    say({"on": "done", "request": request, "code": early[1]})


if five:
    client = mqtt.Client(given["clientId"], protocol=mqtt.MQTTv5)
else:
    client = mqtt.Client(given["clientId"], clean_session=given["clean"], protocol=mqtt.MQTTv311)
client.tls_set(given["ca"], given["cert"], given["key"], tls_version=ssl.PROTOCOL_TLS_CLIENT)
client.on_connect = on_connect
client.on_message = on_message
client.on_subscribe = on_subscribe
client.on_publish = on_publish
if "will" in given:
    will = given["will"]
    client.will_set(will["topic"], base64.b64decode(will["payload"]), will["qos"], will.get("retain", False))
if five:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 0 if given["clean"] else given["sessionSeconds"]
    client.connect("localhost", given["port"], 60, clean_start=given["clean"], properties=properties)
else:
    client.connect("localhost", given["port"], 60)
client.loop_start()

for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "subscribe":
        if five:
            properties = Properties(PacketTypes.SUBSCRIBE)
            if "identifier" in asked:
                properties.SubscriptionIdentifier = asked["identifier"]
            _, mid = client.subscribe(asked["filter"], options=SubscribeOptions(qos=asked["qos"]), properties=properties)
        else:
            _, mid = client.subscribe(asked["filter"], asked["qos"])
        expect(mid, asked["request"])
    elif asked["do"] == "publish":
        properties = None
        if five:
            properties = Properties(PacketTypes.PUBLISH)
            words = asked.get("told", {})
            if "responseTopic" in words:
                properties.ResponseTopic = words["responseTopic"]
            if "correlation" in words:
                properties.CorrelationData = words["correlation"].encode()
            if "contentType" in words:
                properties.ContentType = words["contentType"]
            if "userProperties" in words:
                properties.UserProperty = list(words["userProperties"].items())
        payload = base64.b64decode(asked["payload"])
        info = client.publish(asked["topic"], payload, asked["qos"], asked.get("retain", False), properties=properties)
        expect(info.mid, asked["request"])
    else:
        client.disconnect()
        client.loop_stop()
        break
