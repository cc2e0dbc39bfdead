import type { RegistryConfig } from "../config.ts"
import type { Storage } from "./contract.ts"
import { FileStorage } from "./files/storage.ts"

/** The storage that a configuration names. */
export function openStorage(config: RegistryConfig): Promise<Storage> {
  return FileStorage.open(config.root)
}
