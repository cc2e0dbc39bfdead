import { messageOf } from "../errors/failure.ts"
import { Exit } from "./command.ts"

/**
 * Does the same to each name, going on after failures.
 * @throws Exit 1 with every failure's message on a line of its own
 */
export async function forEachReporting(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const failures: string[] = []
  for (const name of names) {
    try {
      await work(name)
    } catch (error) {
      failures.push(messageOf(error))
    }
  }
  if (failures.length > 0) throw new Exit(1, failures.join("\n"))
}
