/** What is asked for where the content is not to leave the API server: PartialObjectMetadata of one object, and of a list (safety law 9). */
export const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
export const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
