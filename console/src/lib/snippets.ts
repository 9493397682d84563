import type { Endpoint } from '../api/types.ts'
import { fileNameOf } from './files.ts'

/** A program that connects one device: its language, how it is installed, and the whole of its text. */
export type Snippet = { readonly id: string; readonly label: string; readonly install: string; readonly code: string }

/**
 * Stock SDK programs for a device with a certificate, changed from their public documentation only in host and CA. `own` is true when
 * the key stays with the operator, who then puts in its file name.
 */
export function snippets(device: string, connection: Endpoint): readonly Snippet[] {
  const { host, connectionString, mqttPort } = connection
  const name = fileNameOf(device)
  const [cert, key] = [`${name}.cert.pem`, `${name}.key.pem`]
  const quoted = JSON.stringify(connectionString)
  return [
    {
      id: 'node',
      label: 'Node.js',
      install: 'npm install azure-iot-device azure-iot-device-mqtt',
      code: `const { readFileSync } = require('node:fs')
const { Client, Message } = require('azure-iot-device')
const { Mqtt } = require('azure-iot-device-mqtt')

const client = Client.fromConnectionString(${quoted}, Mqtt)

async function main() {
  await client.setOptions({
    cert: readFileSync('${cert}', 'utf8'),
    key: readFileSync('${key}', 'utf8'),
    ca: readFileSync('root.pem', 'utf8'),
  })
  await client.open()
  await client.sendEvent(new Message(JSON.stringify({ temperature: 21.5 })))
  await client.close()
}
main()`,
    },
    {
      id: 'python',
      label: 'Python',
      install: 'pip install azure-iot-device',
      code: `from azure.iot.device import IoTHubDeviceClient, Message, X509

client = IoTHubDeviceClient.create_from_x509_certificate(
    x509=X509(cert_file="${cert}", key_file="${key}"),
    hostname="${host}",
    device_id=${JSON.stringify(device)},
    server_verification_cert=open("root.pem").read(),
)
client.connect()
client.send_message(Message('{"temperature": 21.5}'))
client.shutdown()`,
    },
    {
      id: 'csharp',
      label: 'C#',
      install: 'dotnet add package Microsoft.Azure.Devices.Client',
      code: `using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Azure.Devices.Client;

// Once: trust the hub's root for this user.
using (var roots = new X509Store(StoreName.Root, StoreLocation.CurrentUser))
{
    roots.Open(OpenFlags.ReadWrite);
    roots.Add(new X509Certificate2("root.pem"));
}

var certificate = X509Certificate2.CreateFromPemFile("${cert}", "${key}");
var identity = new DeviceAuthenticationWithX509Certificate(${JSON.stringify(device)}, certificate);
using var client = DeviceClient.Create("${host}", identity, TransportType.Mqtt_Tcp_Only);
await client.SendEventAsync(new Message(Encoding.UTF8.GetBytes("{\\"temperature\\": 21.5}")));`,
    },
    {
      id: 'java',
      label: 'Java',
      install: `openssl pkcs12 -export -in ${cert} -inkey ${key} -out ${name}.p12 -passout pass:changeit
keytool -importcert -noprompt -alias root -file root.pem -keystore root.p12 -storepass changeit
# Maven: com.microsoft.azure.sdk.iot:iot-device-client`,
      code: `import com.microsoft.azure.sdk.iot.device.*;
import java.io.File;
import java.security.KeyStore;
import javax.net.ssl.*;

public class Send {
  public static void main(String[] args) throws Exception {
    char[] word = "changeit".toCharArray();
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(KeyStore.getInstance(new File("${name}.p12"), word), word);
    TrustManagerFactory roots = TrustManagerFactory.getInstance("PKIX");
    roots.init(KeyStore.getInstance(new File("root.p12"), word));
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(keys.getKeyManagers(), roots.getTrustManagers(), null);

    ClientOptions options = ClientOptions.builder().sslContext(tls).build();
    DeviceClient client = new DeviceClient(${quoted}, IotHubClientProtocol.MQTT, options);
    client.open(true);
    client.sendEvent(new Message("{\\"temperature\\": 21.5}"));
    client.close();
  }
}`,
    },
    {
      id: 'c',
      label: 'C',
      install: '# azure-iot-sdk-c, built with -Duse_mqtt=ON; link iothub_client and iothub_client_mqtt_transport',
      code: `#include "iothub.h"
#include "iothub_device_client_ll.h"
#include "iothub_client_options.h"
#include "iothubtransportmqtt.h"

/* root, cert and key: the text of root.pem, ${cert} and ${key} */
int send_one(const char *root, const char *cert, const char *key)
{
    IoTHub_Init();
    IOTHUB_DEVICE_CLIENT_LL_HANDLE client =
        IoTHubDeviceClient_LL_CreateFromConnectionString(
            ${quoted}, MQTT_Protocol);
    IoTHubDeviceClient_LL_SetOption(client, OPTION_TRUSTED_CERT, root);
    IoTHubDeviceClient_LL_SetOption(client, OPTION_X509_CERT, cert);
    IoTHubDeviceClient_LL_SetOption(client, OPTION_X509_PRIVATE_KEY, key);

    IOTHUB_MESSAGE_HANDLE message = IoTHubMessage_CreateFromString("{\\"temperature\\": 21.5}");
    IoTHubDeviceClient_LL_SendEventAsync(client, message, NULL, NULL);
    IoTHubMessage_Destroy(message);
    for (int i = 0; i < 100; i++) IoTHubDeviceClient_LL_DoWork(client); /* with a pause between */
    IoTHubDeviceClient_LL_Destroy(client);
    IoTHub_Deinit();
    return 0;
}`,
    },
    {
      id: 'mosquitto',
      label: 'mosquitto_pub',
      install: 'apt install mosquitto-clients',
      code: `mosquitto_pub -h ${host} -p ${mqttPort} \\
  --cafile root.pem --cert ${cert} --key ${key} \\
  -i ${shellWord(device)} -q 1 \\
  -t ${shellWord(`devices/${device}/messages/events/`)} -m '{"temperature": 21.5}'`,
    },
  ]
}

/** A word as a POSIX shell reads it back unchanged. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_\-.,:=@%/]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
