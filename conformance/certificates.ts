import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate that the hub did not issue, with its key; `thumbprint` is SHA-256 as the registry wants it. */
export type Foreign = { readonly cert: string; readonly key: string; readonly thumbprint: string }

const config = `[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
`

/** OpenSSL's time: YYYYMMDDHHMMSSZ. */
function openSslTime(days: number): string {
  return `${new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
}

/** A folder in which OpenSSL plays certificate authority. */
export class OpenSsl implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'thingwall-openssl-'))
  #next = 1

  constructor() {
    writeFileSync(join(this.#folder, 'ca.cnf'), config)
    writeFileSync(join(this.#folder, 'index.txt'), '')
    writeFileSync(join(this.#folder, 'serial'), '01\n')
  }

  /** A self-signed leaf, valid between two numbers of days from now. */
  selfSigned(commonName: string, fromDays = -1, toDays = 30): Foreign {
    const name = this.#request(commonName)
    this.#run('ca', '-selfsign', '-keyfile', `${name}.key`, ...this.#signing(name, 'leaf', fromDays, toDays))
    return this.#read(name)
  }

  /** A leaf with the right name from an authority that the hub has never heard of. */
  fromStranger(commonName: string): Foreign {
    const authority = this.#request('Somebody else')
    this.#run('ca', '-selfsign', '-keyfile', `${authority}.key`, ...this.#signing(authority, 'authority', -1, 365))
    const name = this.#request(commonName)
    this.#run('ca', '-cert', `${authority}.pem`, '-keyfile', `${authority}.key`, ...this.#signing(name, 'leaf', -1, 30))
    const leaf = this.#read(name)
    return { ...leaf, cert: leaf.cert + this.#read(authority).cert }
  }

  #signing(name: string, extensions: string, fromDays: number, toDays: number): readonly string[] {
    const validity = ['-startdate', openSslTime(fromDays), '-enddate', openSslTime(toDays)]
    return ['-config', 'ca.cnf', '-extensions', extensions, '-in', `${name}.csr`, '-out', `${name}.pem`, ...validity, '-batch', '-notext']
  }

  #request(commonName: string): string {
    const name = `c${this.#next++}`
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`]
    this.#run('req', '-new', ...key, '-config', 'ca.cnf', '-subj', `/CN=${commonName}`, '-out', `${name}.csr`)
    return name
  }

  #run(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }

  #read(name: string): Foreign {
    const text = (suffix: string): string => readFileSync(join(this.#folder, `${name}.${suffix}`), 'utf8')
    const thumbprint = new X509Certificate(text('pem')).fingerprint256.replaceAll(':', '').toLowerCase()
    return { cert: text('pem'), key: text('key'), thumbprint }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
