import { tapeHost } from '../suite-hub.ts'
import type { Line } from './tape.ts'

/** The device of the transcript. */
export const device = 'dev-1'

/** azure-wire 12.1, a device over MQTT, with the names and versions of today. */
export const mqttTranscript: readonly Line[] = [
  `C CONNECT level=4 clean=0 keepalive=180 clientId="dev-1" username="${tapeHost}/dev-1/?api-version=2021-04-12&model-id=dtmi:com:example:T;1&DeviceClientType={agent}" password="SharedAccessSignature sr=${tapeHost}%2Fdevices%2Fdev-1&sig={sig}&se={se}"`,
  'S CONNACK 0',
  'C SUBSCRIBE "$iothub/methods/POST/#" qos 0',
  'S SUBACK 0',
  'C SUBSCRIBE "devices/dev-1/messages/devicebound/#" qos 1',
  'S SUBACK 1',
  'C PUBLISH qos1 "devices/dev-1/messages/events/%24.mid=m%2F1&%24.ct=application%2Fjson&%24.ce=utf-8&a%20b=c%26d%3D%C3%A9" {"t":1}',
  'S PUBACK',
  'C PUBLISH qos1 "devices/dev-1/messages/events/" x',
  'S PUBACK',
  'C SUBSCRIBE "$iothub/twin/res/#" qos 0',
  'S SUBACK 0',
  'C PUBLISH qos0 "$iothub/twin/GET/?$rid={uuid}"  ',
  'S PUBLISH qos0 "$iothub/twin/res/200/?$rid={uuid}" {"desired":{"a":1,"$version":2},"reported":{"$version":1}}',
  'C SUBSCRIBE "$iothub/twin/PATCH/properties/desired/#" qos 0',
  'S SUBACK 0',
  'C PUBLISH qos0 "$iothub/twin/PATCH/properties/reported/?$rid={uuid}" {"b":2,"c":null}',
  'S PUBLISH qos0 "$iothub/twin/res/204/?$rid={uuid}&$version=2" ',
  'S PUBLISH qos0 "$iothub/methods/POST/reboot/?$rid={n}" {"x":1}',
  'C PUBLISH qos0 "$iothub/methods/res/200/?$rid={n}" {"ok":true}',
  'S PUBLISH qos1 "devices/dev-1/messages/devicebound/%24.mid=abc&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2Fdevicebound&p2=&p3=a%20b" hi',
  'C PUBACK',
  'S PUBLISH qos0 "$iothub/twin/PATCH/properties/desired/?$version=3" {"a":3,"$version":3}',
  'C DISCONNECT',
]
