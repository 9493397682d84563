import { type Peer, features } from './client.ts'
import { mosquittoClients } from './mosquitto-clients.ts'
import { mqttJs } from './mqttjs.ts'
import { pahoJs } from './paho-js.ts'
import { pahoPython } from './paho-python.ts'
import { u8 } from './u8.ts'

/** The clients that the hub is tried with. None of them shares code with it. */
export const peers: readonly Peer[] = [
  mqttJs(4, 'mqtts'),
  mqttJs(5, 'mqtts'),
  mqttJs(4, 'wss'),
  mqttJs(5, 'wss'),
  mosquittoClients(4),
  mosquittoClients(5),
  pahoPython(4),
  pahoPython(5),
  pahoJs,
  u8(4),
  u8(5),
]

/** The table of `docs/interoperability.md`: what is tried with which client, and what a client cannot do by itself. */
export function interoperabilityTable(): string {
  const rows = peers.map(({ name, lacks }) => {
    const tried = features.filter((feature) => lacks[feature] === undefined)
    const not = features.flatMap((feature) => (lacks[feature] === undefined ? [] : [`${feature} (${lacks[feature]})`]))
    return `| ${name} | ${tried.join(', ')} | ${not.join('; ') || 'nothing'} |`
  })
  return ['| client | tried | not tried, because |', '|---|---|---|', ...rows].join('\n')
}
