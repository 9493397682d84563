import { createHash } from 'node:crypto'
import type { Clock } from '#base'
import type { Credentials } from '../authenticate.ts'
import type { Breaker } from './breaker.ts'
import type { CustomSettings } from './document.ts'
import type { Ask } from './https-client.io.ts'
import { type Proven, principalOf, refuseCredentials } from './identity.ts'
import { type Method, type Outcome, invalid, outcomeOf } from './method.ts'
import { type WebhookVerdict, askTwiceAtMost, authRequest, connectRequest, judgeAnswer, notReached, webhookUrl } from './webhook.ts'

/** What a Custom method needs: a way to its server, and a breaker that is its own. */
export type CustomPorts = { readonly ask: Ask; readonly breaker: Breaker; readonly clock: Pick<Clock, 'now'> }

/**
 * Method Custom: a webhook decides (edge.md 1.7). It is always relevant; when it cannot be reached or understood it is as if it were not listed.
 * The name is the user name of the CONNECT; without one, that of the certificate which TLS has proven the client to hold: its digest.
 */
export function customMethod(settings: CustomSettings, ports: CustomPorts): Method {
  const url = webhookUrl(settings.endpoint)
  const askWith = async (body: string): Promise<WebhookVerdict> => {
    let why: WebhookVerdict = notReached
    const verdict = await ports.breaker.ask(async () => {
      const once = async () => {
        const answer = await ports.ask({ method: 'POST', url, headers: settings.headers, body })
        return answer === undefined ? notReached : judgeAnswer(answer, ports.clock.now())
      }
      const said = await askTwiceAtMost(once)
      if (said.kind !== 'unavailable') return said
      why = said
      return undefined
    })
    return verdict ?? why
  }
  return {
    name: 'Custom',
    isRelevant: () => true,
    async verify(credentials) {
      // A CONNECT without anything to prove oneself with need not cost a question: there would be no name for it.
      const username = usernameOf(credentials)
      if (username === undefined)
        return invalid(refuseCredentials('access/no-user-name', 'A user name or a client certificate is needed to connect.').error)
      return outcomeFor(await askWith(connectRequest(credentials)), username, credentials)
    },
    async reauthenticate(principal, method, data) {
      const { clientId, username } = principal.subject
      const credentials = { ...nobody, clientId, userName: principal.userName }
      return outcomeFor(await askWith(authRequest(method, data, clientId, username)), username, credentials)
    },
  }
}

const nobody = {
  password: undefined,
  authenticationMethod: undefined,
  authenticationData: undefined,
  mqttVersion: 5,
  peerAddress: '',
  certificates: [],
} as const

function usernameOf({ userName, certificates }: Credentials): string | undefined {
  if (userName !== undefined && userName !== '') return userName
  const [leaf] = certificates
  return leaf === undefined ? undefined : `certificate:${createHash('sha256').update(leaf).digest('hex')}`
}

function outcomeFor(verdict: WebhookVerdict, username: string, credentials: Credentials): Outcome {
  if (verdict.kind === 'accept') {
    const proven: Proven = { username, attributes: verdict.attributes, expiresAt: verdict.expiresAt }
    return outcomeOf(principalOf('Custom', proven, credentials))
  }
  if (verdict.kind === 'deny') {
    const { error } = refuseCredentials('access/custom-denied', 'You may not connect.', verdict.why)
    return invalid({ ...error, reasonCode: verdict.reasonCode })
  }
  const why = verdict.kind === 'unavailable' ? verdict.why : 'it asked for another version'
  return { kind: 'unavailable', refused: refuseCredentials('access/custom-unavailable', 'You may not connect.', why).error }
}
