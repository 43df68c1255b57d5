import type { Api } from '../app.ts'
import { signInRoutes } from './sign-in/routes.ts'

/** Every noun's routes, under /api/v1. */
export async function routes(app: Api): Promise<void> {
  await app.register(signInRoutes)
}
