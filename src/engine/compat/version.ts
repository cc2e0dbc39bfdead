import { Failure } from "../../errors/failure.ts"

/** The newest API version that is implemented in full, and the oldest that is accepted. */
export const newestVersion = "1.56"
export const oldestVersion = "1.24"

/** Orders API versions: numbers compare as numbers, component by component (1.9 < 1.10). @returns negative, 0, positive */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".")
  const right = b.split(".")
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number(left[i] || 0) - Number(right[i] || 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether `version` is older than `than`. */
export const isBefore = (version: string, than: string): boolean => compareVersions(version, than) < 0

/** @throws invalidArgument for a version of a client that cannot be served */
export function checkVersion(version: string): void {
  if (isBefore(version, oldestVersion))
    throw new Failure(
      "invalidArgument",
      `client version ${version} is too old. Minimum supported API version is ${oldestVersion}, please upgrade your client to a newer version`,
    )
  if (isBefore(newestVersion, version))
    throw new Failure(
      "invalidArgument",
      `client version ${version} is too new. Maximum supported API version is ${newestVersion}`,
    )
}
