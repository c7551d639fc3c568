DROP TABLE comments;
DROP TABLE change_horizons;
DROP TABLE changes;
