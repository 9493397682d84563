import { X509Certificate } from 'node:crypto'
import type { ControlConfig, ControlPorts } from './ports.ts'

type Line = { readonly labels?: Readonly<Record<string, string>>; readonly value: number }
type Metric = { readonly name: string; readonly type: 'counter' | 'gauge'; readonly help: string; readonly lines: readonly Line[] }

/** The hub's state in the text format of Prometheus, version 0.0.4. Names carry their unit. */
export function metricsText(ports: ControlPorts, config: ControlConfig): string {
  return [...aboutHub(ports, config), ...aboutDoor(ports), ...aboutJournal(ports), ...aboutRoutes(ports), ...aboutChecks(ports)]
    .map(metricText)
    .join('')
}

function aboutHub(ports: ControlPorts, config: ControlConfig): readonly Metric[] {
  const { rssBytes, cpuSeconds } = ports.usage()
  const expiry = certificateExpiry(ports)
  return [
    gauge('thingwall_build_info', 'The release that runs.', [{ labels: { version: config.version }, value: 1 }]),
    gauge('process_start_time_seconds', 'When the hub started, in seconds since 1970.', [{ value: config.startedAt / 1_000 }]),
    gauge('process_resident_memory_bytes', 'Resident memory.', [{ value: rssBytes }]),
    counter('process_cpu_seconds_total', 'Processor time used.', [{ value: cpuSeconds }]),
    gauge('thingwall_healthy', '1 while the hub is well.', [{ value: ports.health().length === 0 ? 1 : 0 }]),
    gauge('thingwall_devices', 'Registered devices.', [{ value: ports.devices.count }]),
    gauge('thingwall_server_certificate_expiry_seconds', 'End of the server certificate, in seconds since 1970.', expiry),
  ]
}

function aboutDoor({ door }: ControlPorts): readonly Metric[] {
  const { counters } = door
  const total = (name: string, help: string, value: number) => counter(`thingwall_${name}_total`, help, [{ value }])
  const refused = [...counters.refused].map(([code, value]) => ({ labels: { code }, value }))
  return [
    gauge('thingwall_connections', 'Live connections of devices.', [{ value: door.open() }]),
    total('messages_in', 'Messages that devices published.', counters.messagesIn),
    total('messages_out', 'Messages delivered to devices.', counters.messagesOut),
    total('bytes_in', 'Bytes from devices.', counters.bytesIn),
    total('bytes_out', 'Bytes to devices.', counters.bytesOut),
    total('denied', 'Actions of connected devices that no rule allowed.', counters.denied),
    total('handshakes', 'Complete TLS handshakes.', counters.handshakes),
    total('resumptions', 'TLS sessions resumed.', counters.resumptions),
    total('takeovers', 'Sessions taken over by a newer connection of the same identity.', counters.takeovers),
    total('shed_messages', 'QoS 0 messages dropped because the hub was overloaded.', counters.droppedQos0),
    gauge(
      'thingwall_load_level',
      '1 for the level of load that the hub is at.',
      ['normal', 'strained', 'overloaded'].map((level) => ({ labels: { level }, value: door.level() === level ? 1 : 0 })),
    ),
    counter('thingwall_refused_total', 'Connections refused before they had an identity, by code.', refused),
  ]
}

function aboutJournal({ journal }: ControlPorts): readonly Metric[] {
  const state = journal.state()
  const flush = [
    { labels: { quantile: '0.5' }, value: state.flushP50Ms / 1_000 },
    { labels: { quantile: '0.99' }, value: state.flushP99Ms / 1_000 },
  ]
  return [
    gauge(
      'thingwall_journal_state',
      '1 for the state that the journal is in.',
      ['open', 'full', 'failing'].map((kind) => ({ labels: { state: kind }, value: state.kind === kind ? 1 : 0 })),
    ),
    gauge('thingwall_journal_start_offset', 'Oldest record kept.', [{ value: journal.start }]),
    counter('thingwall_journal_records_total', 'Records ever appended.', [{ value: journal.end }]),
    counter('thingwall_journal_durable_records_total', 'Records on disk.', [{ value: journal.durableEnd }]),
    gauge('thingwall_journal_pending_bytes', 'Bytes that wait for the disk.', [{ value: journal.pendingBytes }]),
    gauge('thingwall_journal_bytes', 'Size on disk.', [{ value: state.bytes }]),
    gauge('thingwall_journal_segments', 'Segment files.', [{ value: state.segments }]),
    counter('thingwall_journal_flushes_total', 'Flushes to disk.', [{ value: state.flushes }]),
    counter('thingwall_journal_flush_failures_total', 'Flushes that failed.', [{ value: state.failures }]),
    counter('thingwall_journal_refused_total', 'Appends refused because too much was waiting.', [{ value: state.refused }]),
    counter('thingwall_journal_dropped_records_total', 'Records that retention dropped.', [{ value: state.droppedRecords }]),
    counter('thingwall_journal_damaged_total', 'Damaged places found.', [{ value: state.damageFound }]),
    gauge('thingwall_journal_flush_seconds', 'Time of one flush: encrypt, write, sync.', flush),
  ]
}

function aboutRoutes({ egress }: ControlPorts): readonly Metric[] {
  const states = egress.states()
  type State = (typeof states)[number]['state']
  const each = (value: (state: State) => number): readonly Line[] =>
    states.map(({ name, kind, state }) => ({ labels: { endpoint: name, kind }, value: value(state) }))
  return [
    gauge(
      'thingwall_endpoint_lag_records',
      'Records that an endpoint is behind the end of the journal.',
      each((state) => state.lagRecords),
    ),
    gauge(
      'thingwall_endpoint_lag_seconds',
      'Age of the oldest event that waits for an endpoint.',
      each((state) => state.lagMs / 1_000),
    ),
    gauge(
      'thingwall_endpoint_healthy',
      '1 while an endpoint takes what it is given; 0 while it does not.',
      each((state) => (state.failingSince === undefined ? 1 : 0)),
    ),
    counter(
      'thingwall_endpoint_delivered_total',
      'Events that an endpoint has taken.',
      each((state) => state.counts.delivered),
    ),
    counter(
      'thingwall_endpoint_failures_total',
      'Attempts at an endpoint that failed.',
      each((state) => state.counts.failures),
    ),
    counter(
      'thingwall_endpoint_dead_letters_total',
      'Events put aside because an endpoint did not take them.',
      each((state) => state.counts.deadLettered),
    ),
    counter(
      'thingwall_endpoint_trimmed_total',
      'Dead letters of an endpoint that were dropped because there were too many.',
      each((state) => state.counts.trimmed),
    ),
    counter(
      'thingwall_endpoint_lost_records_total',
      'Records that retention dropped before an endpoint had them.',
      each((state) => state.counts.lost),
    ),
    counter(
      'thingwall_endpoint_too_large_total',
      'Events dropped because enrichment made them too large.',
      each((state) => state.counts.tooLarge),
    ),
  ]
}

function aboutChecks({ checks }: ControlPorts): readonly Metric[] {
  const last = checks.last()
  const counts = new Map([
    ['pass', 0],
    ['fail', 0],
    ['unknown', 0],
    ['na', 0],
  ])
  for (const { verdict } of last?.controls ?? []) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  const lines = [...counts].map(([verdict, value]) => ({ labels: { verdict }, value }))
  const ran = last === undefined ? [] : [{ value: last.ranAt / 1_000 }]
  return [
    gauge('thingwall_checks', 'Controls by the verdict of their last check.', lines),
    gauge('thingwall_checks_last_run_seconds', 'When the checks last ran, in seconds since 1970.', ran),
  ]
}

function certificateExpiry({ pki }: ControlPorts): readonly Line[] {
  return [{ value: new X509Certificate(pki.serverCertificate().certificatePem).validToDate.getTime() / 1_000 }]
}

function gauge(name: string, help: string, lines: readonly Line[]): Metric {
  return { name, type: 'gauge', help, lines }
}

function counter(name: string, help: string, lines: readonly Line[]): Metric {
  return { name, type: 'counter', help, lines }
}

function metricText({ name, type, help, lines }: Metric): string {
  const body = lines.map(({ labels, value }) => `${name}${labelText(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${body.join('')}`
}

function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  if (labels === undefined) return ''
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`)
  return `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
