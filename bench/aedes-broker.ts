/** aedes behind mutual TLS: `node bench/aedes-broker.ts PORT KEY CERT CLIENT_CA`. Started by the bench as one of the peers. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { Aedes } from 'aedes'

const [port, key, cert, ca] = process.argv.slice(2)
if (port === undefined || key === undefined || cert === undefined || ca === undefined) throw new Error('PORT KEY CERT CLIENT_CA')
const broker = await Aedes.createBroker()
const tls = { key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(ca), requestCert: true, rejectUnauthorized: true }
createServer({ ...tls, minVersion: 'TLSv1.3' }, (socket) => {
  socket.setNoDelay(true)
  broker.handle(socket)
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
