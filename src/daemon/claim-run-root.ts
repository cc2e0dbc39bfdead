import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Installation } from "../core/metadata/installation.ts"
import { Failure, kindOf } from "../errors/failure.ts"
import type { Shim } from "../shim/contract.ts"
import type { Roots } from "./roots.ts"

/**
 * Makes the run root this installation's own. Containers that run there with the records of another data root would be
 * taken for strays, and ended.
 * @param options.salvage whether they may be ended for a data root that has no containers: one that has just begun anew, also when
 * the first attempt was cut off
 * @throws conflict when there are any otherwise
 */
export async function claimRunRoot(
  roots: Roots,
  installation: Installation,
  shim: Pick<Shim, "tasks">,
  options: { readonly salvage: boolean },
): Promise<void> {
  const file = join(roots.run, "installation")
  const owner = existsSync(file) ? readFileSync(file, "utf8").trim() : ""
  if (owner === installation.id) return
  const empty = installation.database.first("SELECT 1 FROM containers LIMIT 1") === undefined
  if (owner !== "" && !(options.salvage && empty) && (await shim.tasks()).length > 0) {
    throw new Failure(
      "conflict",
      `containers of another data root (installation ${owner}) run in ${roots.run}, and ${roots.data} does not know them; start the daemon with their --data-root${
        empty
          ? ", give this one another --exec-root, or start once with --salvage, which ends them"
          : ", or give this one another --exec-root"
      }`,
    )
  }
  try {
    writeFileSync(file, `${installation.id}\n`, { mode: 0o600 })
  } catch (error) {
    // A full run root: it is claimed at a later start.
    if (kindOf(error) !== "noSpace") throw error
  }
}
