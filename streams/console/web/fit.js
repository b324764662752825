// What "all" shows: the city, however far from it a stray fix lies.

const STRAY = 0.01; // this share of the vehicles at each end, or one, does not say where the city is
const NEAR = 0.1; // degrees around those that do, or as much as they are wide: what lies there belongs to the city

/** Degrees from one longitude to another, the short way round. */
export function eastward(from, to) {
  return ((((to - from) % 360) + 540) % 360) - 180;
}

/**
 * The box that holds the city, [west, south, east, north], or null where nothing is.
 * @param {{corners: number[][], vehicles: number}[]} cells corners: [lon, lat]; vehicles: one at the least.
 */
export function boxOf(cells) {
  if (!cells.length) return null;
  const middle = middleOf(cells); // all are taken as east or west of it: a city on both sides of 180° is one
  const placed = cells.map(({ corners, vehicles }) => {
    const lons = corners.map(([lon]) => middle + eastward(middle, lon));
    const lats = corners.map(([, lat]) => lat);
    return { vehicles, box: [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)] };
  });
  const [west, east] = nearlyAll(placed, 0);
  const [south, north] = nearlyAll(placed, 1);
  const [across, along] = [Math.max(NEAR, east - west), Math.max(NEAR, north - south)];
  const city = [west - across, south - along, east + across, north + along];
  return placed
    .map(({ box }) => box)
    .filter((box) => box[0] >= city[0] && box[1] >= city[1] && box[0] <= city[2] && box[1] <= city[3])
    .reduce((all, box) => box.map((edge, side) => (side < 2 ? Math.min : Math.max)(edge, all[side])));
}

/** The mean longitude, as of points on a circle. */
function middleOf(cells) {
  let [x, y] = [0, 0];
  for (const { corners, vehicles } of cells) {
    const angle = (corners[0][0] * Math.PI) / 180;
    x += vehicles * Math.cos(angle);
    y += vehicles * Math.sin(angle);
  }
  return (Math.atan2(y, x) * 180) / Math.PI;
}

/** From where to where most vehicles are; side 0: western edges of their cells, 1: southern ones. */
function nearlyAll(placed, side) {
  const sorted = placed.map(({ box, vehicles }) => [box[side], vehicles]).sort((a, b) => a[0] - b[0]);
  const total = sorted.reduce((sum, [, vehicles]) => sum + vehicles, 0);
  const stray = Math.min(Math.max(1, STRAY * total), (total - 1) / 2);
  return [beyond(sorted, stray), beyond(sorted.reverse(), stray)];
}

/** The first edge up to which there are more vehicles than stray ones. */
function beyond(sorted, stray) {
  let sum = 0;
  return sorted.find(([, vehicles]) => (sum += vehicles) > stray)[0];
}
