# k6 with the players of this repository.
ARG K6=grafana/k6:1.8.1
FROM ${K6}
COPY k6 /k6
ENTRYPOINT ["k6"]
CMD ["run", "--quiet", "--no-usage-report", "/k6/bets.js"]
