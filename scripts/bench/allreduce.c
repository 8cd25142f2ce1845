// What a plain C program gets of MPI_Allreduce, to hold `prdp bench network` against: the same sizes,
// the same number of measurements, the same definition of a median.
//
//     mpicc -O2 -o allreduce allreduce.c && mpirun -np 2 ./allreduce 64 11
//
// Prints a line a size: bytes of a rank's elements, and seconds until the last rank had its result.

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double median_of_allreduce(float *values, int count, int repetitions) {
  double *seconds = malloc(sizeof(double) * repetitions);
  if (seconds == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
  // The first is not counted.
  for (int i = -1; i < repetitions; i++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    double mine = MPI_Wtime() - start, all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (i >= 0) seconds[i] = all;
  }
  qsort(seconds, repetitions, sizeof(double), by_value);
  double median = (seconds[(repetitions - 1) / 2] + seconds[repetitions / 2]) / 2;
  free(seconds);
  return median;
}

int main(int argument_count, char **arguments) {
  MPI_Init(&argument_count, &arguments);
  long largest = (argument_count > 1 ? atol(arguments[1]) : 64) << 20;
  int repetitions = argument_count > 2 ? atoi(arguments[2]) : 11;
  if (largest < 1 << 20 || largest > 1L << 32 || repetitions < 1) {
    fprintf(stderr, "usage: allreduce [MB of 1 to 4096] [REPETITIONS]\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);

  long sizes[] = {4L << 10, 64L << 10, 1L << 20, 16L << 20, largest};
  for (int i = 0; i < 5; i++) {
    if (i < 4 && sizes[i] >= largest) continue;
    int count = (int)(sizes[i] / sizeof(float));
    float *values = calloc(count, sizeof(float));
    if (values == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    // Touched as the other program's are, or the pages would all be the same one of zeros.
    for (int k = 0; k < count; k++) values[k] = 0.0f;
    double seconds = median_of_allreduce(values, count, repetitions);
    if (rank == 0) printf("%ld %.9f\n", sizes[i], seconds);
    free(values);
  }
  MPI_Finalize();
  return 0;
}
