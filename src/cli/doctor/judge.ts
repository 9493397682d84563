/** One line of the doctor: what was looked at, what is so, why it matters and how to mend it. A note is no failure. */
export type Finding = {
  readonly name: string
  readonly verdict: 'ok' | 'note' | 'fail'
  readonly what: string
  readonly why?: string
  readonly fix?: string
}

/** What can be learned about one listener. `owner` is the process that listens there, where the system tells. */
export type PortFacts = {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly answers: boolean
  readonly owner: number | undefined
}

/** What can be learned about one name of the hub. `covered` is undefined when no certificate was seen. */
export type NameFacts = { readonly name: string; readonly addresses: readonly string[]; readonly covered: boolean | undefined }

/** Everything that collect.io.ts measures. Undefined: it could not be learned. */
export type Facts = {
  readonly nodeVersion: string
  readonly directory: { readonly path: string; readonly exists: boolean; readonly mode: number | undefined }
  readonly credential: { readonly path: string; readonly exists: boolean; readonly mode: number | undefined }
  readonly disk:
    | { readonly freeBytes: number; readonly totalBytes: number; readonly syncP50Ms: number; readonly syncMaxMs: number }
    | undefined
  readonly hub: { readonly url: string; readonly pid: number; readonly alive: boolean } | undefined
  readonly health:
    | { readonly healthy: boolean; readonly reasons: readonly string[] }
    | { readonly problem: string; readonly fix: string | undefined }
    | undefined
  readonly clockSkewMs: number | undefined
  readonly clockSynchronised: boolean | undefined
  readonly ports: readonly PortFacts[]
  readonly names: readonly NameFacts[]
  readonly tpm: 'usable' | 'no-right' | 'absent'
  readonly keyReason: { readonly verdict: string; readonly reason: string } | undefined
  readonly engine: string | undefined
  /** Where keys of authorities are made, and whether that place is there. */
  readonly issuing: { readonly title: string; readonly state: string; readonly message: string | undefined } | undefined
}

const mib = 1024 * 1024

/** The judgement: no IO, so that each line can be shown to fail. */
export function judge(facts: Facts): readonly Finding[] {
  return [
    node(facts),
    directory(facts),
    credential(facts),
    ...disk(facts),
    ...health(facts),
    ...clock(facts),
    ...facts.ports.map((port) => judgePort(port, facts.hub)),
    ...facts.names.flatMap(judgeName),
    ...key(facts),
    ...issuing(facts),
    tpm(facts),
    engine(facts),
  ]
}

function node({ nodeVersion }: Facts): Finding {
  if (nodeVersion.startsWith('v26.')) return { name: 'node', verdict: 'ok', what: `Node ${nodeVersion}` }
  return {
    name: 'node',
    verdict: 'fail',
    what: `Node ${nodeVersion}`,
    why: 'the hub is written for Node 26.',
    fix: 'use "npx thingwall" or "npm start", which bring it.',
  }
}

function directory({ directory: { path, exists, mode } }: Facts): Finding {
  const name = 'data directory'
  if (!exists)
    return {
      name,
      verdict: 'fail',
      what: `${path} does not exist`,
      why: 'no hub was started with it.',
      fix: 'start one, or name its directory with --data.',
    }
  if (mode !== undefined && (mode & 0o077) !== 0)
    return {
      name,
      verdict: 'fail',
      what: `${path} is open to others (mode ${mode.toString(8)})`,
      why: 'it holds keys and what devices said.',
      fix: `chmod 700 ${path}`,
    }
  return { name, verdict: 'ok', what: path }
}

function issuing({ issuing: found }: Facts): readonly Finding[] {
  if (found === undefined) return []
  const { title, state, message } = found
  if (state === 'ready') return [{ name: 'keys of authorities', verdict: 'ok', what: `${title}: ready` }]
  return [
    {
      name: 'keys of authorities',
      verdict: 'fail',
      what: `${title}: ${state}${message === undefined ? '' : `, ${message}`}`,
      why: 'devices stay and connect, but nothing is issued until it is back.',
      fix: 'put the token back, or do what the message says; the hub goes on by itself (docs/keys.md).',
    },
  ]
}

function credential({ credential: { path, exists, mode } }: Facts): Finding {
  const name = 'credential'
  if (!exists)
    return { name, verdict: 'fail', what: `${path} is missing`, why: 'a running hub writes it at each start.', fix: 'start the hub.' }
  if (mode !== undefined && (mode & 0o077) !== 0)
    return {
      name,
      verdict: 'fail',
      what: `${path} can be read by others (mode ${mode.toString(8)})`,
      why: 'whoever reads it administers the hub.',
      fix: `chmod 600 ${path}, and start the hub again: it then makes a new one`,
    }
  return { name, verdict: 'ok', what: 'readable by its owner alone' }
}

function disk({ disk: found, directory: { path } }: Facts): readonly Finding[] {
  if (found === undefined) return []
  const { freeBytes, totalBytes, syncP50Ms, syncMaxMs } = found
  const free = `${Math.round(freeBytes / mib)} MiB free of ${Math.round(totalBytes / mib)} MiB`
  const speed = `a durable write takes ${syncP50Ms.toFixed(1)} ms (median), ${syncMaxMs.toFixed(1)} ms (slowest of 20)`
  const space: Finding =
    freeBytes < 512 * mib
      ? {
          name: 'disk space',
          verdict: 'fail',
          what: free,
          why: 'a full disk stops acknowledgements, and so the devices.',
          fix: `free space where ${path} is, or lower --retention-bytes.`,
        }
      : { name: 'disk space', verdict: 'ok', what: free }
  const slow = syncP50Ms > 50
  const sync: Finding = slow
    ? {
        name: 'disk speed',
        verdict: 'note',
        what: speed,
        why: 'every acknowledgement waits for the disk; devices with one message in flight send no faster.',
        fix: 'put the data directory on a solid-state disk.',
      }
    : { name: 'disk speed', verdict: 'ok', what: speed }
  return [space, sync]
}

function health({ hub, health: found }: Facts): readonly Finding[] {
  const name = 'hub'
  if (hub === undefined)
    return [
      {
        name,
        verdict: 'fail',
        what: 'no hub runs with this data directory',
        why: 'hub.json is missing.',
        fix: 'start one with "npm start" (or "thingwall start").',
      },
    ]
  if (found === undefined) return []
  if ('problem' in found)
    return [
      {
        name,
        verdict: 'fail',
        what: `${hub.url} cannot be used`,
        why: found.problem,
        ...(found.fix === undefined ? {} : { fix: found.fix }),
      },
    ]
  if (found.healthy) return [{ name, verdict: 'ok', what: `${hub.url} serves (process ${hub.pid})` }]
  return [
    {
      name,
      verdict: 'fail',
      what: `${hub.url} does not serve yet, or no more`,
      why: found.reasons.join('; ') || 'it gave no reason.',
      fix: 'look at what the hub says where it runs.',
    },
  ]
}

function clock({ clockSkewMs, clockSynchronised }: Facts): readonly Finding[] {
  const name = 'clock'
  const findings: Finding[] = []
  // The Date header has whole seconds.
  if (clockSkewMs !== undefined && Math.abs(clockSkewMs) > 5_000)
    findings.push({
      name,
      verdict: 'fail',
      what: `this machine and the hub differ by ${Math.round(Math.abs(clockSkewMs) / 1000)} s`,
      why: 'certificates are judged by the time.',
      fix: 'let both follow the same time servers.',
    })
  else if (clockSkewMs !== undefined) findings.push({ name, verdict: 'ok', what: 'this machine and the hub agree' })
  if (clockSynchronised === false)
    findings.push({
      name: 'clock source',
      verdict: 'note',
      what: 'the system does not say that its clock follows a time server',
      why: 'a wrong clock refuses good certificates and takes expired ones.',
      fix: 'timedatectl set-ntp true',
    })
  return findings
}

function judgePort({ name, host, port, answers, owner }: PortFacts, hub: Facts['hub']): Finding {
  const title = `port ${port}`
  const what = `${name} on ${host}:${port}`
  const other = owner !== undefined && hub !== undefined && owner !== hub.pid
  if (other)
    return {
      name: title,
      verdict: 'fail',
      what: `${what} belongs to process ${owner}, not to the hub (${hub.pid})`,
      why: 'devices would reach another program.',
      fix: `stop process ${owner}, or give the hub another port.`,
    }
  if (answers) return { name: title, verdict: 'ok', what: `${what} answers` }
  return {
    name: title,
    verdict: 'fail',
    what: `${what} does not answer`,
    why: hub?.alive ? 'the hub lives, so something stands between.' : 'the hub is not running.',
    fix: hub?.alive ? 'look at the firewall of this machine, and at what the hub says where it runs.' : 'start the hub.',
  }
}

function judgeName({ name, addresses, covered }: NameFacts): readonly Finding[] {
  const title = `name ${name}`
  if (addresses.length === 0)
    return [
      {
        name: title,
        verdict: 'fail',
        what: `${name} does not resolve`,
        why: 'devices that are told this name find nobody.',
        fix: `enter ${name} into the DNS (or /etc/hosts) with the address of the hub.`,
      },
    ]
  if (covered === false)
    return [
      {
        name: title,
        verdict: 'fail',
        what: `the certificate does not hold ${name}`,
        why: 'devices that check the name refuse the connection.',
        fix: `start the hub with --name ${name}.`,
      },
    ]
  return [{ name: title, verdict: 'ok', what: `${addresses.join(', ')}${covered ? ', and in the certificate' : ''}` }]
}

function key({ keyReason }: Facts): readonly Finding[] {
  if (keyReason === undefined) return []
  const { verdict, reason } = keyReason
  const name = 'key at rest'
  if (verdict === 'pass') return [{ name, verdict: 'ok', what: reason }]
  return [
    {
      name,
      verdict: verdict === 'fail' ? 'fail' : 'note',
      what: reason,
      why: 'whoever has the key reads everything that is kept.',
      fix: 'thingwall check TW-DAR-01 --evidence shows the finding and its fix',
    },
  ]
}

function tpm({ tpm: found }: Facts): Finding {
  if (found === 'usable') return { name: 'tpm', verdict: 'ok', what: '/dev/tpmrm0 can be used' }
  if (found === 'no-right')
    return {
      name: 'tpm',
      verdict: 'note',
      what: '/dev/tpmrm0 is there, without a right to use it',
      why: 'a TPM can keep keys that no file holds.',
      fix: 'add this user to the group tss',
    }
  return {
    name: 'tpm',
    verdict: 'note',
    what: 'this machine has none',
    why: 'keys are then kept in files, protected by a key file or a passphrase.',
  }
}

function engine({ engine: found }: Facts): Finding {
  if (found !== undefined) return { name: 'container engine', verdict: 'ok', what: found }
  return {
    name: 'container engine',
    verdict: 'note',
    what: 'none was found',
    why: 'edges run their modules in containers; a hub needs none.',
  }
}
