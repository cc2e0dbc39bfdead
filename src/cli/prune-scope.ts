import type { Docker } from "../client/docker.ts"

/** Whether pruning volumes spares those with names: since version 1.42 of the API. */
export async function prunesAnonymousOnly(docker: Docker): Promise<boolean> {
  const [major = 0, minor = 0] = (await docker.transport.version()).split(".").map(Number)
  return major > 1 || minor >= 42
}
