/** Whether an error, or what caused it, is a used-up quota (EDQUOT): then the disk itself may have room. */
export function isQuota(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if ((each as { code?: unknown }).code === "EDQUOT") return true
  return false
}

/**
 * What a `noSpace` error found.
 * @param directory where, when that is known
 */
export function lackOfRoom(error: unknown, directory?: string): string {
  const where = directory === undefined ? "" : ` of ${directory}`
  return isQuota(error) ? `the disk quota${where} is used up` : `no space left on the disk${where}`
}

/** What helps against a `noSpace` error. */
export const roomAdvice = (error: unknown): string =>
  `remove what is not needed (barge system prune) or ${isQuota(error) ? "raise the quota" : "enlarge the disk"}`
