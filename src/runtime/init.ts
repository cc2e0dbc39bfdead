import { accessSync, constants } from "node:fs"

/** Static init programs as distributions package them; a container's root has no library that they could need. */
const candidates = [
  "/usr/bin/tini-static",
  "/usr/local/bin/tini-static",
  "/usr/libexec/podman/catatonit",
  "/usr/bin/catatonit",
  "/usr/bin/docker-init",
]

/** The init program for containers that want one, or undefined when none is installed. */
export function findInit(): string | undefined {
  for (const path of candidates) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}
