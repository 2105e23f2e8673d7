// What is known not to hold yet, by row and name of the promise. The quick set (ctest) shows these and passes; the full set
// (./dev faults) fails on them. Take a line out with the change that closes it.
export const gaps = {};
