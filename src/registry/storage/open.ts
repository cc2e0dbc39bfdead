import type { RegistryConfig } from "../config.ts"
import type { Storage } from "./contract.ts"
import { FileStorage } from "./files/storage.ts"
import { S3Storage } from "./s3/storage.ts"

/** The storage that a configuration names. */
export function openStorage(config: RegistryConfig): Promise<Storage> {
  return config.s3 ? S3Storage.open(config.s3, config.root) : FileStorage.open(config.root)
}
