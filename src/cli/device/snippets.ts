import type { ApiEndpoint } from '../api.ts'

/** What a snippet needs to know. Paths are absolute. */
export type SnippetFacts = {
  readonly device: string
  readonly endpoint: ApiEndpoint
  readonly cert: string
  readonly key: string
  readonly root: string
}

type Snippet = { readonly title: string; readonly text: (facts: SnippetFacts) => string }

// A device id holds no quote but ', which JSON.stringify leaves alone: as a double-quoted literal it is right in all of these languages.
const quote = (text: string) => JSON.stringify(text)

// For a shell, where a single quote is the only thing that a single-quoted word cannot hold.
const word = (text: string) => (/^[A-Za-z0-9._/:@=,%-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

function hostOf(facts: SnippetFacts): string {
  const { host, mqttPort } = facts.endpoint
  return mqttPort === 8883 ? host : `${host}:${mqttPort}`
}

const connectionString = (facts: SnippetFacts, host: string) => `HostName=${host};DeviceId=${facts.device};x509=true`

const fixedPort = (facts: SnippetFacts, comment: string) =>
  facts.endpoint.mqttPort === 8883 ? '' : `${comment} This SDK always uses port 8883, and this hub listens on ${facts.endpoint.mqttPort}.\n`

const snippets: Readonly<Record<string, Snippet>> = {
  node: {
    title: 'Node.js (npm install azure-iot-device azure-iot-device-mqtt)',
    text: (facts) => `import { readFileSync } from 'node:fs'
import device from 'azure-iot-device'
import mqtt from 'azure-iot-device-mqtt'

const client = device.Client.fromConnectionString(${quote(connectionString(facts, hostOf(facts)))}, mqtt.Mqtt)
await client.setOptions({
  cert: readFileSync(${quote(facts.cert)}, 'utf8'),
  key: readFileSync(${quote(facts.key)}, 'utf8'),
  ca: readFileSync(${quote(facts.root)}, 'utf8'),
})
await client.open()
await client.sendEvent(new device.Message('{"temperature":21.5}'))
await client.close()`,
  },
  python: {
    title: 'Python (pip install azure-iot-device)',
    text: (facts) => `${fixedPort(facts, '#')}from azure.iot.device import IoTHubDeviceClient, Message, X509

client = IoTHubDeviceClient.create_from_x509_certificate(
    hostname=${quote(facts.endpoint.host)},
    device_id=${quote(facts.device)},
    x509=X509(cert_file=${quote(facts.cert)}, key_file=${quote(facts.key)}),
    server_verification_cert=open(${quote(facts.root)}).read(),
)
client.connect()
client.send_message(Message('{"temperature":21.5}', content_type="application/json", content_encoding="utf-8"))
client.shutdown()`,
  },
  csharp: {
    title: 'C# (Microsoft.Azure.Devices.Client; trust the root in the system store first: thingwall trust)',
    text: (facts) => `${fixedPort(facts, '//')}using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Azure.Devices.Client;

using var pem = X509Certificate2.CreateFromPemFile(${quote(facts.cert)}, ${quote(facts.key)});
using var certificate = new X509Certificate2(pem.Export(X509ContentType.Pkcs12));
var chain = new X509Certificate2Collection();
chain.ImportFromPemFile(${quote(facts.cert)});
using var auth = new DeviceAuthenticationWithX509Certificate(${quote(facts.device)}, certificate, chain);
using var client = DeviceClient.Create(${quote(facts.endpoint.host)}, auth, TransportType.Mqtt_Tcp_Only);
await client.SendEventAsync(new Message(Encoding.UTF8.GetBytes("{\\"temperature\\":21.5}")));`,
  },
  java: {
    title: 'Java (com.microsoft.azure.sdk.iot:iot-device-client and org.bouncycastle:bcpkix-jdk18on)',
    text: (
      facts,
    ) => `${fixedPort(facts, '//')}// keystore: openssl pkcs12 -export -in ${word(facts.cert)} -inkey ${word(facts.key)} -out device.p12
KeyStore keys = KeyStore.getInstance("PKCS12");
keys.load(new FileInputStream("device.p12"), password);
KeyManagerFactory mine = KeyManagerFactory.getInstance("PKIX");
mine.init(keys, password);
KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
roots.load(null, null);
roots.setCertificateEntry("thingwall", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(${quote(facts.root)})));
TrustManagerFactory theirs = TrustManagerFactory.getInstance("PKIX");
theirs.init(roots);
SSLContext tls = SSLContext.getInstance("TLSv1.2");
tls.init(mine.getKeyManagers(), theirs.getTrustManagers(), null);
DeviceClient client = new DeviceClient(
    ${quote(connectionString(facts, facts.endpoint.host))},
    IotHubClientProtocol.MQTT,
    ClientOptions.builder().sslContext(tls).build());
client.open(true);
client.sendEvent(new Message("{\\"temperature\\":21.5}"));
client.close();`,
  },
  c: {
    title: 'C (azure-iot-sdk-c); read_file gives the text of a file',
    text: (facts) => `${fixedPort(facts, '//')}IOTHUB_DEVICE_CLIENT_HANDLE client = IoTHubDeviceClient_CreateFromConnectionString(
    ${quote(connectionString(facts, facts.endpoint.host))}, MQTT_Protocol);
IoTHubDeviceClient_SetOption(client, OPTION_TRUSTED_CERT, read_file(${quote(facts.root)}));
IoTHubDeviceClient_SetOption(client, OPTION_X509_CERT, read_file(${quote(facts.cert)}));
IoTHubDeviceClient_SetOption(client, OPTION_X509_PRIVATE_KEY, read_file(${quote(facts.key)}));
IOTHUB_MESSAGE_HANDLE message = IoTHubMessage_CreateFromString("{\\"temperature\\":21.5}");
IoTHubDeviceClient_SendEventAsync(client, message, NULL, NULL);`,
  },
  mosquitto: {
    title: 'Any shell (mosquitto-clients)',
    text: (facts) => {
      const { host, mqttPort } = facts.endpoint
      return `mosquitto_pub -h ${word(host)} -p ${mqttPort} -q 1 -i ${word(facts.device)} \\
  --cafile ${word(facts.root)} --cert ${word(facts.cert)} --key ${word(facts.key)} \\
  -t ${word(`devices/${facts.device}/messages/events/`)} -m '{"temperature":21.5}'`
    },
  },
}

/** The program text that connects a device, under its title; undefined for an SDK we have none for. */
export function snippet(sdk: string, facts: SnippetFacts): { readonly title: string; readonly text: string } | undefined {
  const found = new Map(Object.entries(snippets)).get(sdk)
  return found === undefined ? undefined : { title: found.title, text: found.text(facts) }
}
