// Stands in for packages that the report never calls: readers of other file formats (it carries its numbers
// inside) and maps.
const absent = () => { throw new Error('left out of this bundle'); };
export const dsvFormat = absent;
export const feature = absent;
export const mesh = absent;
export const geoArea = absent;
export const geoBounds = absent;
export const geoCentroid = absent;
export default absent;
