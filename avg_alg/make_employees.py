"""Make csv/employees.csv: `python avg_alg/make_employees.py > csv/employees.csv`.

The rows are invented from a fixed seed, so every run makes the same file; none of the people exist.
csv/README.md describes the columns.
"""

from __future__ import annotations

import csv
import random
import sys

ROWS = 1_200
SEED = 20_240_611
MISSING_SHARE = 0.03
# department -> (mean yearly salary in euro, mean performance score)
DEPARTMENTS = {
    "Care": (41_000, 3.6),
    "Laboratory": (46_000, 3.5),
    "Research": (58_000, 3.7),
    "Logistics": (36_000, 3.3),
    "Administration": (44_000, 3.4),
    "Technology": (62_000, 3.5),
}
COLUMNS = (
    "Id",
    "Name",
    "Department",
    "Age",
    "Salary",
    "YearsOfService",
    "WeeklyHours",
    "PerformanceScore",
)


def employee(number: int, rng: random.Random) -> list[str]:
    """Invent one row; leave each numeric field empty with a probability of MISSING_SHARE."""
    department = rng.choice(sorted(DEPARTMENTS))
    mean_salary, mean_score = DEPARTMENTS[department]
    age = min(67, max(18, round(rng.gauss(43, 12))))
    years = round(rng.uniform(0, age - 17) ** 0.85, 1)
    hours = rng.choice((16, 20, 24, 28, 32, 36, 36, 40, 40, 40))
    full_time = mean_salary * rng.gauss(1, 0.12) * (1 + 0.012 * years)
    numbers = (
        str(age),
        str(round(full_time * hours / 40)),
        f"{years:.1f}",
        str(hours),
        f"{min(5.0, max(1.0, rng.gauss(mean_score, 0.7))):.2f}",
    )
    kept = ["" if rng.random() < MISSING_SHARE else text for text in numbers]
    return [str(number), f"Employee {number:04d}", department, *kept]


def main() -> None:
    """Write the file to standard output."""
    rng = random.Random(SEED)  # noqa: S311 -- made-up data, not a secret
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(employee(number, rng) for number in range(1, ROWS + 1))


if __name__ == "__main__":
    main()
