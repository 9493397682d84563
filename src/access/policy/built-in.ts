import type { PolicyDocument } from './model.ts'
import { parsePolicies } from './parse-policy.ts'

/** The document that speaks for registered devices until one of the same name is applied. */
export const hubDevicesName = 'hub-devices'

/** The document that lets the hub's own checks connect; it cannot be replaced. */
export const hubChecksName = 'hub-checks'

const hubDevices = `# What every registered device, and every module of one, may do before anyone writes a policy: connect, use the topics that carry its own
# name, and those of IoT Hub that carry none: its twin and its methods. Telemetry in the form of IoT Hub (devices/{id}/messages/events/...)
# lies inside. Apply a document of this name to replace it; remove that to have this one back. Only the hub can say thingwall.method, so
# no certificate, token or webhook can claim it.
apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: ${hubDevicesName}}
spec:
  authorizationPolicies:
    cache: Enabled
    rules:
      - name: own-topics
        principals: {attributes: [{thingwall.method: device}]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["devices/{principal.username}/#"]}
          - {method: Subscribe, topics: ["devices/{principal.username}/#"]}
      - name: own-module-topics
        principals: {attributes: [{thingwall.method: module}]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["devices/{principal.attributes.thingwall.moduleOf}/modules/{principal.attributes.thingwall.module}/#"]}
          - {method: Subscribe, topics: ["devices/{principal.attributes.thingwall.moduleOf}/modules/{principal.attributes.thingwall.module}/#"]}
      - name: hub-operations
        principals: {attributes: [{thingwall.method: device}, {thingwall.method: module}]}
        brokerResources:
          - {method: Publish, topics: ["$iothub/twin/GET/#", "$iothub/twin/PATCH/properties/reported/#", "$iothub/methods/res/#"]}
          - {method: Subscribe, topics: ["$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/#"]}
`

/** The built-in document for registered devices, in the language that everyone else writes. */
export function hubDevicesDocument(): PolicyDocument {
  return parsedOwn(hubDevices)
}

/** The document for the devices that the hub runs itself to check itself. Each keeps to its own topics whatever else is applied. */
export function hubChecksDocument(devices: readonly string[]): PolicyDocument {
  const attributes = devices.map((device) => `{thingwall.device: ${JSON.stringify(device)}}`).join(', ')
  return parsedOwn(`# The hub checks itself as these devices. Nobody can register one, and this document cannot be replaced.
apiVersion: mqttbroker.thingwall/v1
kind: BrokerAuthorization
metadata: {name: ${hubChecksName}}
spec:
  authorizationPolicies:
    rules:
      - name: own-topics
        principals: {attributes: [${attributes}]}
        brokerResources:
          - {method: Connect}
          - {method: Publish, topics: ["devices/{principal.username}/#"]}
          - {method: Subscribe, topics: ["devices/{principal.username}/#"]}
`)
}

function parsedOwn(text: string): PolicyDocument {
  const parsed = parsePolicies(text)
  const document = parsed.ok ? parsed.value[0] : undefined
  if (document === undefined) throw new Error(`bug: the built-in policy is refused: ${parsed.ok ? 'empty' : parsed.error.message}`)
  return document
}
