export { type ServerConfig, defaultDataDirectory, parseConfig } from './config.io.ts'
export { type StartOption, startOptions } from './options.ts'
export { type RunningServer, type StartWorld, openServer } from './server.io.ts'
export { startHub } from './start.io.ts'
