import { type Words, named, numeral, positional, unquote } from './runner-line.ts'

/** How a property is written: identifier and type (MQTT 5, 2.2.2.2). */
const properties: ReadonlyMap<string, readonly [number, 'byte' | 'two' | 'four' | 'variable' | 'binary' | 'pair']> = new Map([
  ['payloadFormatIndicator', [0x01, 'byte']],
  ['messageExpiryInterval', [0x02, 'four']],
  ['contentType', [0x03, 'binary']],
  ['responseTopic', [0x08, 'binary']],
  ['correlationData', [0x09, 'binary']],
  ['subscriptionIdentifier', [0x0b, 'variable']],
  ['sessionExpiryInterval', [0x11, 'four']],
  ['assignedClientIdentifier', [0x12, 'binary']],
  ['serverKeepAlive', [0x13, 'two']],
  ['authenticationMethod', [0x15, 'binary']],
  ['authenticationData', [0x16, 'binary']],
  ['requestProblemInformation', [0x17, 'byte']],
  ['willDelayInterval', [0x18, 'four']],
  ['requestResponseInformation', [0x19, 'byte']],
  ['responseInformation', [0x1a, 'binary']],
  ['serverReference', [0x1c, 'binary']],
  ['reasonString', [0x1f, 'binary']],
  ['receiveMaximum', [0x21, 'two']],
  ['topicAliasMaximum', [0x22, 'two']],
  ['topicAlias', [0x23, 'two']],
  ['maximumQoS', [0x24, 'byte']],
  ['retainAvailable', [0x25, 'byte']],
  ['userProperty', [0x26, 'pair']],
  ['maximumPacketSize', [0x27, 'four']],
  ['wildcardSubscriptionAvailable', [0x28, 'byte']],
  ['subscriptionIdentifiersAvailable', [0x29, 'byte']],
  ['sharedSubscriptionAvailable', [0x2a, 'byte']],
])

const types = [
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
] as const

/** Flags that a fixed header must have (2.1.3); PUBLISH has its own. */
const requiredFlags: ReadonlyMap<string, number> = new Map([
  ['PUBREL', 2],
  ['SUBSCRIBE', 2],
  ['UNSUBSCRIBE', 2],
])

/**
 * Writes a packet as the words say it, right or wrong: nothing is checked, so that a transcript can also say what no client should.
 * `flags=` overrides the flags of the fixed header, `connectFlags=` those of CONNECT. Throws when a word makes no sense.
 */
export function encode(what: string, words: Words, version: 4 | 5): Buffer {
  const type = types.findIndex((name) => name === what) + 1
  if (type === 0) throw new Error(`no packet is called ${what}`)
  const flags = named(words, 'flags')
  const header = flags === undefined ? headerFlags(what, words) : numeral(flags)
  return packet((type << 4) | header, body(what, words, version))
}

/** A fixed header with the length of what follows. */
export function packet(firstByte: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(firstByte), variable(content.length), content])
}

function headerFlags(what: string, words: Words): number {
  if (what !== 'PUBLISH') return requiredFlags.get(what) ?? 0
  const bit = (key: string): number => (named(words, key) === '1' ? 1 : 0)
  return (bit('dup') << 3) | (numeral(named(words, 'qos') ?? '0') << 1) | bit('retain')
}

function body(what: string, words: Words, version: 4 | 5): Buffer {
  const own = version === 5 ? propertyBlock(words) : Buffer.of()
  switch (what) {
    case 'CONNECT':
      return connect(words, version, own)
    case 'PUBLISH': {
      const [topic = '', payload = ''] = positional(words, 'retain', 'dup')
      const id = named(words, 'id')
      return Buffer.concat([binary(topic), id === undefined ? Buffer.of() : two(numeral(id)), own, Buffer.from(content(payload))])
    }
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE': {
      const [id = '0', ...filters] = words.positional
      const parts = filters.map((filter) => (what === 'SUBSCRIBE' ? subscription(filter) : binary(filter)))
      return Buffer.concat([two(numeral(id)), own, ...parts])
    }
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP': {
      const [id = '0', code] = words.positional
      return Buffer.concat([two(numeral(id)), reason(code, own)])
    }
    case 'DISCONNECT':
    case 'AUTH':
      return reason(words.positional[0], own)
    case 'PINGREQ':
      return Buffer.of()
    default:
      throw new Error(`a client does not say ${what}; write bytes`)
  }
}

/** A reason code may be left out when nothing follows it (3.4.2.1). */
function reason(code: string | undefined, own: Buffer): Buffer {
  const empty = own.length <= 1
  if (code === undefined && empty) return Buffer.of()
  return Buffer.concat([Buffer.of(numeral(code ?? '0')), empty ? Buffer.of() : own])
}

function connect(words: Words, version: 4 | 5, own: Buffer): Buffer {
  const text = (key: string): string | undefined => named(words, key)
  const [will, user, pass] = [text('will'), text('user'), text('pass')]
  const computed =
    (text('clean') === '1' ? 0x02 : 0) |
    (will === undefined ? 0 : 0x04) |
    (numeral(text('willQos') ?? '0') << 3) |
    (text('willRetain') === '1' ? 0x20 : 0) |
    (pass === undefined ? 0 : 0x40) |
    (user === undefined ? 0 : 0x80)
  const flags = text('connectFlags')
  const willProperties = version === 5 ? propertyBlock(words, 'will.') : Buffer.of()
  return Buffer.concat([
    binary(text('protocol') ?? 'MQTT'),
    Buffer.of(numeral(text('level') ?? `${version}`), flags === undefined ? computed : numeral(flags)),
    two(numeral(text('keepalive') ?? '60')),
    own,
    binary(text('id') ?? ''),
    ...(will === undefined ? [] : [willProperties, binary(will), binary(content(text('willPayload') ?? ''))]),
    ...(user === undefined ? [] : [binary(user)]),
    ...(pass === undefined ? [] : [binary(pass)]),
  ])
}

/** `filter:1,nl,rap,rh2`, or `filter:0xC1` for an option byte that no client should send. Without options QoS 0. */
function subscription(word: string): Buffer {
  const [, filter = word, given = '0'] = /^(.*):([^:/]*)$/.exec(word) ?? []
  if (given.startsWith('0x')) return Buffer.concat([binary(filter), Buffer.of(numeral(given))])
  let options = 0
  for (const option of given.split(',')) {
    if (option === 'nl') options |= 0x04
    else if (option === 'rap') options |= 0x08
    else if (option.startsWith('rh')) options |= numeral(option.slice(2)) << 4
    else options |= numeral(option)
  }
  return Buffer.concat([binary(filter), Buffer.of(options)])
}

function propertyBlock(words: Words, prefix = ''): Buffer {
  const parts = words.named.flatMap(([key, value]) => {
    const known = key.startsWith(prefix) ? properties.get(key.slice(prefix.length)) : undefined
    return known === undefined ? [] : [Buffer.concat([Buffer.of(known[0]), property(known[1], value)])]
  })
  const all = Buffer.concat(parts)
  return Buffer.concat([variable(all.length), all])
}

function property(type: 'byte' | 'two' | 'four' | 'variable' | 'binary' | 'pair', value: string): Buffer {
  if (type === 'binary') return binary(content(value))
  if (type === 'pair') {
    const [key = '', ...rest] = value.split(':')
    return Buffer.concat([binary(key), binary(rest.join(':'))])
  }
  const number = numeral(value)
  if (type === 'byte') return Buffer.of(number)
  if (type === 'two') return two(number)
  if (type === 'variable') return variable(number)
  const four = Buffer.alloc(4)
  four.writeUInt32BE(number)
  return four
}

/** The text that a word stands for: quotes go, and `x*1000` is a thousand of them. */
export function content(word: string): string {
  const [, unit, times] = /^(.)\*(\d+)$/u.exec(word) ?? []
  return unit === undefined ? unquote(word) : unit.repeat(Number(times))
}

function two(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

/** Bytes with their length in two bytes before them: strings and binary data (1.5.4, 1.5.6). */
export function binary(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([two(bytes.length), bytes])
}

function variable(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(bytes)
}

/**
 * Bytes as a transcript writes them: hexadecimal, `'text'` as it is, `"text"` with its length before it, and `[ ... ]` around what
 * a variable byte integer must count. Throws on anything else.
 */
export function bytes(words: readonly string[]): Buffer {
  const open: Buffer[][] = [[]]
  for (const word of words) {
    if (word === '[') open.push([])
    else if (word === ']') {
      const inner = Buffer.concat(open.pop() ?? [])
      open.at(-1)?.push(variable(inner.length), inner)
    } else if (word.startsWith('"')) open.at(-1)?.push(binary(content(unquote(word))))
    else if (/^'.*'$/.test(word)) open.at(-1)?.push(Buffer.from(word.slice(1, -1)))
    else if (/^([\da-f]{2})+$/i.test(word)) open.at(-1)?.push(Buffer.from(word, 'hex'))
    else throw new Error(`"${word}" is no byte`)
  }
  return Buffer.concat(open.flat())
}
