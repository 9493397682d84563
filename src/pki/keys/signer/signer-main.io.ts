import { Socket } from 'node:net'
import { type Hardware, SignerTrouble, serveSigner } from './child.ts'
import { openToken } from './pkcs11-hardware.io.ts'
import { tpmHardware } from './tpm-hardware.ts'

/** The signer process: `PLACE [MODULE TOKEN PINFILE]`, its pipe on descriptor 3. It has no TLS in it and ends when the hub does. */
const [place, module, token, pinFile] = process.argv.slice(2)

const open = async (): Promise<Hardware> => {
  if (place === 'tpm') return tpmHardware(() => globalThis.gc?.())
  if (place === 'pkcs11' && module !== undefined && token !== undefined && pinFile !== undefined)
    return await openToken({ module, token, pinFile })
  throw new SignerTrouble('unavailable', 'The signer process was started without its settings.')
}

// A terminal's Ctrl-C goes to the hub, which still has things to finish.
process.on('SIGINT', () => {})
const pipe = new Socket({ fd: 3, readable: true, writable: true })
const hear = serveSigner({ write: (bytes) => void pipe.write(bytes), end: () => pipe.end(() => process.exit(0)) }, open)
pipe.on('data', hear)
pipe.on('error', () => process.exit(0))
pipe.on('close', () => process.exit(0))
