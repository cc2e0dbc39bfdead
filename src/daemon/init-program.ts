import { accessSync, constants } from "node:fs"
import { Failure } from "../errors/failure.ts"

const candidates = [
  "/usr/bin/tini-static",
  "/usr/bin/docker-init",
  "/usr/libexec/docker/docker-init",
  "/usr/libexec/podman/catatonit",
  "/usr/bin/catatonit",
  "/sbin/tini-static",
]

/**
 * The init program for `--init`: statically linked, since it runs inside any image.
 * @throws invalidArgument when the configured one cannot be executed
 */
export function findInit(configured: string | undefined): string | undefined {
  if (configured !== undefined) {
    if (!executable(configured)) {
      throw new Failure(
        "invalidArgument",
        `--init-path ${configured} cannot be executed: give the path of a static init such as tini-static`,
      )
    }
    return configured
  }
  return candidates.find(executable)
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
