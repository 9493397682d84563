import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WebAnswer, WebSite } from '#wire/web'
import { Desk } from '../desk.ts'
import { gateway } from '../gateway-scene.test.ts'
import type { HttpCall } from './http-call.ts'
import { Sites } from './sites.ts'

/** Asks a site that gives this answer, and says what its peer then is taken for. */
async function remembered(answer: WebAnswer): Promise<string> {
  const world = gateway()
  const site: WebSite = { name: 'x', serves: (path) => path === '/x', maxBodyBytes: () => 0, answer: async () => answer }
  const sites = new Sites(new Desk({ ...world.desk.ports, sites: [site] }))
  const said: string[] = []
  const call: HttpCall = {
    method: 'GET',
    target: '/x?a=b',
    headers: {},
    body: (async function* () {})(),
    peer: {
      address: '192.0.2.1',
      isProbe: false,
      kind: 'https',
      certificates: () => [],
      proven: () => void said.push('proven'),
      denied: () => {
        said.push('denied')
        return 0
      },
    },
    cut: () => void said.push('cut'),
  }
  assert.equal((await sites.answer(call))?.status, answer.status)
  return said.join()
}

test('who is served is a stranger no more; who is refused was denied; who is only asked for a proof is neither', async () => {
  assert.equal(await remembered({ status: 200 }), 'proven')
  assert.equal(await remembered({ status: 404 }), '')
  // Without a credential too: certificates and keys of TPMs are shown elsewhere than in a header.
  for (const status of [401, 403]) assert.equal(await remembered({ status }), 'denied')
  assert.equal(await remembered({ status: 401, asks: true }), '')
})
