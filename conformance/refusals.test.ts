import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { OpenSsl } from './certificates.ts'
import { HubProcess, type TestDevice, type WatchedFact } from './hub.ts'
import { RawClient, type RawOptions, type Transport, connackOf, connectPacket, transports } from './raw-client.ts'
import { until, within } from './until.ts'

const anyTls = 'ALL:@SECLEVEL=0'

// TLS in the thread of the engine, and in threads of its own.
for (const workers of ['0', '2'])
  describe(`who may not come in is told so, and the hub remembers, with ${workers} TLS workers`, () => {
    let hub: HubProcess
    let good: TestDevice
    const openssl = new OpenSsl()

    before(async () => {
      hub = await HubProcess.open({ arguments: ['--workers', workers] })
      good = await hub.addDevice('good')
    })
    after(async () => {
      openssl[Symbol.dispose]()
      await hub[Symbol.asyncDispose]()
    })

    const pair = (device: { cert: string; key: string }): RawOptions => ({ cert: device.cert, key: device.key })
    const userName = (device: string): string => `localhost/${device}/?api-version=2021-04-12`

    async function lastOffset(): Promise<number> {
      return (await hub.facts()).at(-1)?.offset ?? 0
    }

    /** A `refused` fact with this code, written after `from`. */
    async function recorded(from: number, code: RegExp): Promise<WatchedFact> {
      let found: WatchedFact | undefined
      let facts: readonly WatchedFact[] = []
      await until(`a refusal ${code} is recorded`, 10_000, async () => {
        facts = await hub.facts(from + 1)
        found = facts.find((fact) => fact.kind === 'refused' && code.test(fact.code ?? ''))
        return found !== undefined
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}; recorded were ${JSON.stringify(facts)}`)
      })
      assert.ok(found)
      return found
    }

    for (const transport of transports) {
      test(`${transport}: the right certificate is accepted, in both versions`, async () => {
        assert.equal(await connackOf(hub, transport, pair(good), connectPacket('any')), 0)
        assert.equal(await connackOf(hub, transport, pair(good), connectPacket('any', { protocolVersion: 5 })), 0)
        assert.equal(await connackOf(hub, transport, pair(good), connectPacket('good', { username: userName('good') })), 0)
      })

      type Case = readonly [
        what: string,
        options: () => Promise<RawOptions>,
        packet: Parameters<typeof connectPacket>,
        v4: number,
        v5: number,
        code: RegExp,
      ]
      const cases: readonly Case[] = [
        ['no certificate', async () => ({}), ['none'], 5, 135, /^access\/no-certificate$/],
        ['a certificate of an unknown CA', async () => pair(openssl.fromStranger('good')), ['good'], 5, 135, /^pki\/unknown-issuer$/],
        [
          'an expired certificate',
          async () => {
            const foreign = openssl.selfSigned('late', -30, -1)
            await hub.addThumbprint(`late-${transport}`, foreign.thumbprint)
            return pair(foreign)
          },
          ['late'],
          5,
          135,
          /^(access|pki)\/expired$/,
        ],
        [
          'a certificate that is not valid yet',
          async () => {
            const foreign = openssl.selfSigned('early', 1, 30)
            await hub.addThumbprint(`early-${transport}`, foreign.thumbprint)
            return pair(foreign)
          },
          ['early'],
          5,
          135,
          /^(access|pki)\/not-yet-valid$/,
        ],
        [
          'a revoked certificate',
          async () => {
            const device = await hub.addDevice(`revoked-${transport}`)
            const { status } = await hub.api('POST', `/api/v1/devices/${device.id}/revoke`, { reason: 'test' })
            assert.equal(status, 200)
            return pair(device)
          },
          ['revoked'],
          5,
          135,
          /^pki\/revoked$/,
        ],
        [
          'a disabled device',
          async () => {
            const device = await hub.addDevice(`disabled-${transport}`)
            assert.equal((await hub.api('PATCH', `/api/v1/devices/${device.id}`, { status: 'disabled' })).status, 200)
            return pair(device)
          },
          ['disabled'],
          5,
          135,
          /^access\/disabled$/,
        ],
        [
          'a certificate with another common name',
          async () => pair(good),
          ['other', { username: userName('other') }],
          5,
          135,
          /^access\/(wrong-common-name|unknown-device)$/,
        ],
        [
          'a client identifier that is not the device of the user name',
          async () => pair(good),
          ['else', { username: userName('good') }],
          2,
          133,
          /^access\/client-id-mismatch$/,
        ],
        [
          'a user name that names another hub',
          async () => pair(good),
          ['good', { username: userName('good').replace('localhost', 'elsewhere.example') }],
          5,
          135,
          /^access\/wrong-host$/,
        ],
        [
          'a password beside the certificate',
          async () => pair(good),
          ['good', { username: 'good', password: Buffer.from('hunter2') }],
          5,
          135,
          /^access\/password-unsupported$/,
        ],
      ]
      for (const [what, options, packet, v4, v5, code] of cases)
        test(`${transport}: ${what} is refused with its code, in both versions`, async () => {
          await hub.addDevice('other').catch(() => undefined)
          const from = await lastOffset()
          const tls = await options()
          const [clientId, change] = packet
          assert.equal(await connackOf(hub, transport, tls, connectPacket(clientId, change)), v4)
          const fact = await recorded(from, code)
          assert.ok(fact['address'] !== undefined && fact['listener'] !== undefined, 'says from where, at which door')
          assert.equal(await connackOf(hub, transport, tls, connectPacket(clientId, { ...change, protocolVersion: 5 })), v5)
        })

      test(`${transport}: TLS 1.1 is refused, and the same client is accepted with TLS 1.2`, async () => {
        const from = await lastOffset()
        const old: RawOptions = { ...pair(good), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: anyTls }
        assert.equal(await connackOf(hub, transport, old, connectPacket('old')), 'no connection')
        await recorded(from, /^gateway\/tls-(version|cipher)$/)
        assert.equal(await connackOf(hub, transport, { ...old, maxVersion: 'TLSv1.2' }, connectPacket('old')), 0)
      })

      test(`${transport}: plaintext on the TLS port is cut off`, async () => {
        const from = await lastOffset()
        const socket = connectTcp(portOf(transport), hub.host)
        const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()))
        socket.on('error', () => undefined)
        const words =
          transport === 'mqtts'
            ? Buffer.from('100c00044d5154540402003c0000', 'hex')
            : Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
        socket.write(words)
        await within('the hub closes the socket', 15_000, gone)
        await recorded(from, /^gateway\/plaintext$/)
      })

      test(`${transport}: a first packet that is not CONNECT closes the connection [MQTT-3.1.0-1]`, async () => {
        const from = await lastOffset()
        for (const bytes of ['c000', '3003000161', '20020000', 'f000', '00'].map((hex) => Buffer.from(hex, 'hex'))) {
          using client = await RawClient.open(hub, transport, pair(good))
          client.send(bytes)
          await within(`the hub closes after ${bytes.toString('hex')}`, 10_000, client.closed)
        }
        await recorded(from, /^wire\/mqtt-protocol-error$/)
      })

      test(`${transport}: a second CONNECT closes the connection [MQTT-3.1.0-2]`, async () => {
        using client = await RawClient.open(hub, transport, pair(good))
        client.send(connectPacket('twice'))
        assert.equal((await client.next())?.cmd, 'connack')
        client.send(connectPacket('twice'))
        await within('the hub closes', 10_000, client.closed)
      })

      test(`${transport}: a huge CONNECT is refused by its header alone (CVE-2017-7651)`, async () => {
        const from = await lastOffset()
        using client = await RawClient.open(hub, transport, {})
        client.send(Buffer.from('10ffffff7f', 'hex'))
        await within('the hub closes', 10_000, client.closed)
        await recorded(from, /^wire\/mqtt-packet-too-large$/)
      })

      test(`${transport}: an oversize packet of a live client closes the connection; MQTT 5 says 149 [MQTT-3.1.2-24]`, async () => {
        const header = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x01, 0x00, 0x04])
        using old = await RawClient.open(hub, transport, pair(good))
        old.send(connectPacket('big-4'))
        assert.equal((await old.next())?.cmd, 'connack')
        old.send(header)
        await within('the hub closes', 10_000, old.closed)
        using client = await RawClient.open(hub, transport, pair(good), 5)
        client.send(connectPacket('big-5', { protocolVersion: 5 }))
        assert.equal((await client.next())?.cmd, 'connack')
        client.send(header)
        const last = await client.next()
        assert.equal(last?.cmd === 'disconnect' ? last.reasonCode : last?.cmd, 149)
        await within('the hub closes', 10_000, client.closed)
      })
    }

    function portOf(transport: Transport): number {
      return transport === 'mqtts' ? hub.ports.mqtt : hub.ports.https
    }

    for (const transport of transports)
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
        test(`${transport}: a revoked device is out while connected, and stays out with a resumed ${version} session`, async () => {
          const device = await hub.addDevice(`leaver-${transport}-${version}`)
          const options: RawOptions = { ...pair(device), minVersion: version, maxVersion: version }
          using client = await RawClient.open(hub, transport, options)
          client.send(connectPacket('leaver'))
          assert.equal((await client.next())?.cmd, 'connack')
          await until('the client has a session to resume', 5_000, () => client.session !== undefined)
          const resume: RawOptions = { ...options, session: client.session }
          {
            using again = await RawClient.open(hub, transport, resume)
            assert.ok(again.resumed, 'the session can be resumed')
            again.send(connectPacket('again'))
            const answer = await again.next()
            assert.equal(answer?.cmd === 'connack' ? answer.returnCode : answer?.cmd, 0, 'and the certificate of a resumed session counts')
          }
          const started = performance.now()
          const { status, json } = await hub.api('POST', `/api/v1/devices/${device.id}/revoke`, { reason: 'lost' })
          assert.equal(status, 200)
          const receipt: { closed?: number; of?: number } = { ...(typeof json['receipt'] === 'object' ? json['receipt'] : {}) }
          assert.ok(receipt.closed !== undefined && receipt.closed >= 1 && receipt.closed === receipt.of, JSON.stringify(receipt))
          await within('the live session ends', 2_000, client.closed)
          assert.ok(performance.now() - started < 2_000)
          assert.equal(await connackOf(hub, transport, options, connectPacket('leaver')), 5)
          assert.notEqual(await connackOf(hub, transport, resume, connectPacket('leaver')), 0)
        })
  })
