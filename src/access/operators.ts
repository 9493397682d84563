import { type Clock, type Grant, type Instant, type Random, type Result, Secret, ok, refuse } from '#base'
import { type Caller, mintCaller, mintGrant, operatorRights, systemGrant } from './grant.ts'
import { Attempts } from './operator-attempts.ts'
import { type Session, Sessions } from './operator-session.ts'
import { OneTimeTokens } from './operator-token.ts'
import type { AppendAudit } from './operator-ports.ts'

/** The one operator that a fresh hub knows. Names come with OpenID Connect. */
const owner = 'owner'

/**
 * Who works at this hub, and how they prove it. No password exists: a browser signs in by a one-time link, and a program on this machine
 * by a credential that only the hub's own user can read and that is new at each start.
 */
export interface Operators extends Disposable {
  /** The credential for programs on this machine, as text (43 characters of base64url); the program writes it to a file of mode 0600. */
  readonly localCredential: Secret
  /** A fresh one-time sign-in token, written into the audit log before it is handed out. */
  issueLink(grant: Grant<'operator.sign-in'>): Promise<{ readonly token: string; readonly expiresAt: Instant }>
  /**
   * Trades a one-time token for a browser session. `address` is the peer's. Refuses `access/too-many-attempts`, `access/link-used`,
   * `access/link-expired`, `access/link-unknown`. Throws when the audit log cannot be written, and nobody is signed in then.
   */
  signIn(token: string, address: string): Promise<Result<{ readonly cookie: string; readonly session: Session }>>
  /** The live session of a cookie; `touch` starts its idle time anew. */
  session(cookie: string, touch: boolean): Session | undefined
  /** Ends the session of a cookie and writes so into the audit log. */
  signOut(cookie: string): Promise<void>
  /** The caller that holds the local credential. Refuses `access/not-local` for a peer that is not this machine, `access/credential-refused`. */
  local(credential: string, peerIsThisMachine: boolean): Result<Caller>
}

/** Opens the operators' part of the room. Everything is in memory: a restart ends all sessions, links and the local credential. */
export function openOperators(ports: { readonly clock: Clock; readonly random: Random; readonly append: AppendAudit }): Operators {
  const { clock, random, append } = ports
  const tokens = new OneTimeTokens(clock, random)
  const sessions = new Sessions(clock, random)
  const attempts = new Attempts(clock)
  const credential = new Secret(Buffer.from(random.bytes(32).toString('base64url')))
  const localCaller = mintCaller({ kind: 'operator', id: owner, via: 'local-credential' }, operatorRights)

  async function noteRefusal(code: string, address: string): Promise<void> {
    attempts.failed(address)
    const what = { action: 'operator.sign-in', resource: `operator:${owner}`, detail: { address, code }, outcome: 'refused' } as const
    await append(systemGrant('operator.sign-in', what.resource), what)
  }

  return {
    localCredential: credential,

    async issueLink(grant) {
      const issued = tokens.issue()
      await append(grant, { action: 'operator.link-issued', resource: grant.resource })
      return issued
    },

    async signIn(token, address) {
      if (attempts.exhausted(address))
        return refuse('access/too-many-attempts', 'Too many failed sign-ins from your address. Wait a minute.', address)
      const spent = tokens.spend(token)
      if (!spent.ok) {
        await noteRefusal(spent.error.code, address)
        return spent
      }
      const grant = mintGrant({ kind: 'operator', id: owner, via: 'session' }, 'operator.sign-in', `operator:${owner}`)
      // Audit first: a session that nobody can later be shown must not exist.
      await append(grant, { action: 'operator.sign-in', resource: grant.resource, detail: { address } })
      return ok(sessions.begin(owner))
    },

    session: (cookie, touch) => sessions.find(cookie, touch),

    async signOut(cookie) {
      const session = sessions.find(cookie, false)
      if (session === undefined) return
      sessions.end(cookie)
      const grant = mintGrant(session.caller.actor, 'operator.sign-in', `operator:${owner}`)
      await append(grant, { action: 'operator.sign-out', resource: grant.resource, detail: { session: session.id } })
    },

    local(given, peerIsThisMachine) {
      if (!peerIsThisMachine) return refuse('access/not-local', 'The local credential works from this machine only.')
      if (!credential.equals(Buffer.from(given))) return refuse('access/credential-refused', 'The local credential is not the current one.')
      return ok(localCaller)
    },

    [Symbol.dispose]() {
      credential[Symbol.dispose]()
    },
  }
}
