/**
 * On a blob that need not be kept for those that name it: it is a layer that is unpacked, and its registry has it. It goes with the next
 * collection unless a lease holds it.
 */
export const spareLabel = "barge.spare"
