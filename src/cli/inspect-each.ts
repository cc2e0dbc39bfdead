import { messageOf } from "../errors/failure.ts"
import { Exit } from "./command.ts"
import { Inspector } from "./output/inspect.ts"
import type { Output } from "./streams.ts"

/**
 * Prints the named objects in the way of the `inspect` commands: what was found first, then what went wrong.
 * @param find returns an object as the daemon wrote it
 * @throws Exit 64 when the format is no template, 1 when any name failed
 */
export async function inspectEach(
  names: readonly string[],
  format: string,
  out: Output,
  find: (name: string) => Promise<string>,
): Promise<void> {
  const inspector = new Inspector(format)
  const failures: string[] = []
  for (const name of names) {
    try {
      inspector.add(await find(name))
    } catch (error) {
      failures.push(messageOf(error))
    }
  }
  out.write(inspector.toString())
  if (failures.length > 0) throw new Exit(1, failures.join("\n"))
}
