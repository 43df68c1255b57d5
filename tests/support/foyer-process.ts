import { ServerProcess } from './server-process.ts'

export type FoyerMode = 'demo' | 'start' | 'web' | 'worker'

/** Foyer as it is started for customers, in a process of its own, on any free port and silent but for errors.
 *  `env` needs at least FOYER_DATA_DIR, or FOYER_DATABASE_URL with FOYER_SECRET_KEY. */
export function startFoyerProcess(
  mode: FoyerMode,
  env: NodeJS.ProcessEnv,
  options?: { withinMs?: number },
): Promise<ServerProcess> {
  return ServerProcess.start(argumentsOf(mode), environment(env), options)
}

/** The same without waiting until it listens. */
export function spawnFoyerProcess(mode: FoyerMode, env: NodeJS.ProcessEnv): ServerProcess {
  return ServerProcess.spawn(argumentsOf(mode), environment(env))
}

function argumentsOf(mode: FoyerMode): string[] {
  const entry = mode === 'worker' ? ['workers/main.ts'] : ['core/server.ts', mode]
  // as npm's scripts do
  return ['--max-semi-space-size=32', ...entry]
}

function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { FOYER_HOST: '127.0.0.1', FOYER_PORT: '0', FOYER_LOG_LEVEL: 'error', ...env }
}
