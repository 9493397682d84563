import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Client, Inbox, type Peer, type Said, lackedByVersion4, sessionSeconds } from './client.ts'

const program = fileURLToPath(new URL('paho-client.py', import.meta.url))

/** The interpreter that Debian installs the library for. */
const python = '/usr/bin/python3'

type Line =
  | { readonly on: 'connected'; readonly code: number; readonly present: boolean }
  | {
      readonly on: 'message'
      readonly topic: string
      readonly payload: string
      readonly qos: number
      readonly retain: boolean
      readonly told: object
    }
  | { readonly on: 'done'; readonly request: number; readonly code: number }

/** Eclipse Paho for Python, a process of its own for each client, over TLS. */
export function pahoPython(version: 4 | 5): Peer {
  return {
    name: `Paho Python, ${version === 4 ? '3.1.1' : '5'}, mqtts`,
    // Its acknowledgement callback of this release has no reason code.
    lacks: version === 4 ? lackedByVersion4 : { 'denied publish': 'release 1.6 does not give the application the reason code of PUBACK' },
    open: async (hub, device, { clientId, clean, will }) => {
      const folder = mkdtempSync(join(tmpdir(), 'thingwall-paho-'))
      for (const [name, text] of Object.entries({ ca: device.ca, cert: device.cert, key: device.key }))
        writeFileSync(join(folder, name), text)
      const settings = {
        version,
        clientId,
        clean,
        sessionSeconds,
        port: hub.ports.mqtt,
        ca: join(folder, 'ca'),
        cert: join(folder, 'cert'),
        key: join(folder, 'key'),
        ...(will === undefined ? {} : { will: spelt(will) }),
      }
      const child = spawn(python, [program, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'pipe'] })
      const inbox = new Inbox()
      const requests = new Map<number, (code: number) => void>()
      let complaint = ''
      child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text))
      child.stdin.on('error', () => undefined)
      const closed = new Promise<void>((resolve) =>
        child.once('close', () => {
          rmSync(folder, { recursive: true, force: true })
          resolve()
        }),
      )
      const present = await new Promise<boolean>((resolve, reject) => {
        createInterface({ input: child.stdout }).on('line', (text) => {
          const line: Line = JSON.parse(text)
          if (line.on === 'message') inbox.put({ ...line, payload: Buffer.from(line.payload, 'base64') })
          else if (line.on === 'done') requests.get(line.request)?.(line.code)
          else if (line.code === 0) resolve(line.present)
          else reject(new Error(`CONNACK ${line.code}`))
        })
        void closed.then(() => reject(new Error(`Paho for Python ended: ${complaint}`)))
      })
      let next = 0
      const ask = (asked: object): Promise<number> => {
        const request = ++next
        const answer = new Promise<number>((resolve) => requests.set(request, resolve))
        child.stdin.write(`${JSON.stringify({ ...asked, request })}\n`)
        return answer
      }
      const wrapped: Client = {
        present,
        subscribe: (filter, qos, identifier) => ask({ do: 'subscribe', filter, qos, ...(identifier === undefined ? {} : { identifier }) }),
        publish: (message) => ask({ do: 'publish', ...spelt(message) }),
        next: () => inbox.next(),
        end: async () => {
          child.stdin.write('{"do":"end"}\n')
          await closed
        },
        vanish: () => void child.kill('SIGKILL'),
      }
      return wrapped
    },
  }
}

function spelt(message: Said): object {
  return { ...message, payload: message.payload.toString('base64') }
}
