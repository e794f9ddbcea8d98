/** Keys of a guest's extraConfig under which lies what vSphere has no place for. */
export const TITLE_KEY = "virtmesh.title";
export const METADATA_KEY = "virtmesh.metadata";
